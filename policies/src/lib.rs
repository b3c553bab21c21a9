//! Who may do what: pure decisions over principals, actions and resources.
