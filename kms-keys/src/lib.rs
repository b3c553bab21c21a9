//! Where keys come from: providers, keyring documents, the key cache.
