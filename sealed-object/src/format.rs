//! SOF-1, the sealed object format: this comment is its specification, the constants below are its numbers. No logic.
//!
//! One object is `part_1 ‖ … ‖ part_N ‖ zero pad ‖ manifest ‖ trailer` in the body, a header in the metadata entry
//! `x-amz-meta-sof-h`, and sealed metadata in `x-amz-meta-sof-m`. Integers are big-endian; `‖` joins; `LP(x)` is
//! the length of `x` as u32 followed by `x`; `H` is the suite's hash, `MAC` its keyed hash of 32 bytes, `MAC16`
//! the first 16 bytes of that; `b64` is base64url without padding. A *chunk* is `nonce 12 ‖ ciphertext ‖ tag 16`
//! under the suite's AEAD, its nonce drawn at random.
//!
//! # Sizes
//! - **F1** A frame carries `F = 65 536` plaintext bytes; a plaintext of `P` bytes has `nf(P) = max(1, ⌈P/F⌉)`.
//! - **F2** The stored size depends on `P` alone: `stored(P) = P + 28·nf(P) + 144·np(P) + 368`, with
//!   `np(P) = min(⌊P/5 242 880⌋ + 1, 10 000)`. A part of `p` bytes is stored in `48 + p + 28·nf(p)`.
//! - **F3** `stored` is strictly increasing, so it has one inverse. A size outside its image is not a sealed object.
//! - **F4** Every part but the last has at least 5 MiB of plaintext, so that the padding is never negative.
//! - **F5** One part, and so one single upload, is at most 5 GiB − 4 MiB of plaintext.
//!
//! # Suites and keys
//! - **F6** There are two suites; 0x00 and 0xFF are invalid. A reader refuses what it does not know, and a suite below
//!   the least that its tenant allows (0x01 < 0x02).
//!
//! | | 0x01 | 0x02, of algorithms that FIPS 140-3 approves |
//! |---|---|---|
//! | AEAD | AES-256-GCM-SIV (RFC 8452) | AES-256-GCM (SP 800-38D), the nonce made by the module |
//! | `H` | BLAKE3 | SHA-256 |
//! | `MAC` | keyed BLAKE3 | HMAC-SHA-512, its first 32 bytes |
//! | `KDF(key, label, info)` | `BLAKE3-derive-key("SOF1 2026-11-21 " ‖ label, LP(key) ‖ LP(info))` | KBKDF in counter mode with HMAC-SHA-512 (SP 800-108) |
//!
//!   The KBKDF's counter is 32 bits and stands first; its fixed input is `"SOF1 2026-11-21 " ‖ label ‖ 00 ‖ info ‖ u32
//!   256`; so 32 bytes of output are the first of `HMAC-SHA-512(key, u32 1 ‖ fixed input)`.
//! - **F7** The context is `LP("SOF1-ctx") ‖ LP(tenant) ‖ LP(logical bucket UUID, 16) ‖ LP(object key)`;
//!   `ctx_hash = H(context)`.
//! - **F8** Keys, with `oid` the object id:
//!
//! | key | of | label | info |
//! |---|---|---|---|
//! | `K_wrap` | KEK, or `K_both` (F31) | `dek-wrap` | `wrap_salt ‖ ctx_hash ‖ suite ‖ kek_id ‖ oid` |
//! | `K_both` | KEK | `own-key` | the object's own key ‖ `oid` |
//! | `K_hmac` | KEK | `hdr-mac` | `wrap_salt` |
//! | `K_ctx` | KEK | `mpu-ctx-mac` | `wrap_salt` |
//! | `commit` | DEK | `dek-commit` | `oid ‖ suite ‖ frame_log2` |
//! | `K_part` | DEK | `part-key` | the 48 bytes of the part header |
//! | `K_meta` | DEK | `meta-seal` | `oid` |
//! | `K_tseal` | DEK | `trailer-seal` | `oid` |
//! | `K_tmac` | DEK | `trailer-mac` | `oid` |
//! | `K_ptok` | DEK | `part-token-mac` | `oid` |
//! | `K_audit` | AUX | `audit-mac` | empty |
//!
//! # Header: `b64` of 192 bytes
//! - **F9** Layout:
//!
//! | off | len | field |
//! |---|---|---|
//! | 0 | 4 | `SOF1` |
//! | 4 | 1 | suite |
//! | 5 | 1 | `frame_log2` = 16 |
//! | 6 | 1 | kind: 1 single, 2 multipart |
//! | 7 | 1 | flags: b0 sealed metadata present, b1 reserved, b2 rebound, b3 own key present |
//! | 8 | 8 | `kek_id` |
//! | 16 | 16 | `oid`, random |
//! | 32 | 16 | `wrap_salt`, random, fresh whenever the DEK is wrapped |
//! | 48 | 60 | the DEK: chunk under `K_wrap`, AAD `SOF1w` |
//! | 108 | 32 | `commit` |
//! | 140 | 8 | `P` (kind 1) or 2^64 − 1 (kind 2) |
//! | 148 | 8 | created, ms since the epoch |
//! | 156 | 4 | zero |
//! | 160 | 32 | `MAC(K_hmac, header[0..160] ‖ ctx_hash ‖ H(sealed metadata, or nothing))`; with b3, `‖ H(the own key, wrapped)` |
//!
//! - **F10** Reserved bytes and bits are zero; a reader refuses others, here and everywhere below.
//! - **F11** A reader checks in this order: form, suite and the tenant's minimum, key id, MAC, unwrapping, commitment; then it uses the DEK.
//! - **F12** A header can be rebound to another KEK or context: fresh salt and wrapping, same DEK, `oid`, `commit`,
//!   `P` and created. Bit b2 is set once the context has changed and never cleared.
//!
//! # Sealed metadata: `b64` of a chunk under `K_meta`, AAD `SOF1m ‖ oid`
//! - **F13** The text is one CBOR map in the deterministic encoding of RFC 8949 §4.2.1. Absent entries are left out,
//!   others are refused; no metadata at all means no `sof-m` and flag b0 clear.
//!
//! | key | value |
//! |---|---|
//! | 0 | user metadata: array of name (text), value (bytes), name, value …, sorted by name |
//! | 1 … 6 | Content-Type, -Encoding, -Disposition, -Language, Cache-Control, Expires (bytes) |
//! | 7 | further facts of the gateway, as an array like 0 |
//!
//! # Body
//! - **F14** A part is a part header and its frames in order. Part header, 48 bytes: `SOFp ‖ 01 ‖ suite ‖ 10 ‖ 00 ‖
//!   part_no u16 ‖ plen u48 ‖ oid 16 ‖ part_salt 16`.
//! - **F15** Frame `i` of `n = nf(plen)` is a chunk under `K_part`, AAD `SOF1f ‖ u32 i ‖ (01 if i = n−1, else 00)`.
//!   Every frame but the last carries exactly `F` bytes; the last has 1 to `F`, or 0 only if `plen` = 0.
//! - **F16** Kind 1 has one part, number 1, whose salt is `oid`, so that ranges need nothing but the header.
//! - **F17** Kind 2 draws a fresh salt for every upload of a part; the manifest says which one counts.
//! - **F18** The padding is zero bytes, as many as make the total `stored(P)`.
//! - **F19** The manifest has one entry of 56 bytes per part: `part_no u16 ‖ plen u48 ‖ part_salt 16 ‖ H(part)`,
//!   numbers strictly ascending within 1 to 10 000. Behind the entries of a multipart object the
//!   sealed checksums of its parts may stand, `N` of one length from 1 to 64 (F21). They take the place of padding;
//!   where the padding is too short for them they are not kept, so that no size depends on them.
//!
//! # Trailer: the last 368 bytes
//! - **F20** Layout:
//!
//! | off | len | field |
//! |---|---|---|
//! | 0 | 4 | `SOFT` |
//! | 4 | 1 + 1 | 01, suite |
//! | 6 | 2 | flags: b0 reserved (unpinned parts), b1 digest, b2 CRC-64, b3 MD5 present |
//! | 8 | 8 | `P` |
//! | 16 | 4 + 4 | `N`, manifest length: 56·`N`, and `N` checksums' lengths |
//! | 24 | 8 | length of the padding |
//! | 32 | 16 | `oid` |
//! | 48 | 32 | `commit` |
//! | 80 | 32 | `ct_root = H(LP("SOF1-ctroot") ‖ the manifest's entries)` |
//! | 112 | 32 | `MAC(K_audit, trailer[0..112] ‖ trailer[144..160])` |
//! | 144 | 8 + 8 | `aux_id`; completed, ms since the epoch |
//! | 160 | 156 | chunk of 128 bytes and the parts' checksums under `K_tseal`, AAD trailer[0..160], without the ciphertext of these |
//! | 316 | 32 | `MAC(K_tmac, manifest ‖ trailer[0..316])` |
//! | 348 | 20 | zero |
//!
//! - **F21** The 128 sealed bytes: digest 32, CRC-64/NVME of the plaintext 8, client checksum's algorithm 1, its
//!   length 1, its first 32 bytes, u16 number of parts that it is composed of (0: it is of the whole object), MD5 16,
//!   bytes 33 to 64 of a longer client checksum 32 (SHA-512), algorithm of the parts' checksums 1 (0: not kept), zero 3.
//!   What is shorter than its room is followed by zeros. Behind them the parts' checksums are sealed in the same
//!   chunk; their ciphertext stands behind the manifest's entries, the tag in the trailer. Algorithms: 1 CRC32,
//!   2 CRC32C, 3 CRC64NVME, 4 SHA1, 5 SHA256, 6 SHA512, 7 MD5, 8 XXHASH64, 9 XXHASH3, 10 XXHASH128, each value most
//!   significant byte first.
//! - **F22** The digest is `H(plaintext)` for `N` = 1, else `H` over `u64 plen_i ‖ H(plaintext_i)` of all parts. The
//!   MD5 is the plaintext's for `N` = 1, else that of the parts' MD5s joined; it is there only if a client sent it.
//! - **F23** Without any object key, `ct_root` and the entries' hashes prove what is stored against bit rot; with
//!   the tenant's AUX key the MAC at 112 proves it against tampering.
//!
//! # Reading
//! - **F24** Kind 1: the stored length must be `stored(P)` of the header before a byte is released.
//! - **F25** Kind 2: part headers and lengths are checked as they come, then all of them against the manifest.
//! - **F26** No plaintext leaves before its frame is authentic; the object's last bytes not before the trailer and
//!   the end of the body. Anything missing or left over is an error.
//! - **F27** A range opens exactly the frames that it touches; part headers between them must be the manifest's.
//!
//! # Multipart state in the client's hands
//! - **F28** Upload id: `"u1." ‖ b64(01 ‖ suite ‖ kek_id 8 ‖ oid 16 ‖ wrap_salt 16 ‖ wrapped DEK 60 ‖ algorithm of the
//!   checksum chosen for the object 1 ‖ its type 1 (0 none chosen, 1 of the whole object, 2 of the parts) ‖ mac 16) ‖
//!   "." ‖ upstream id`, mac = `MAC16(K_ctx, the fields before ‖ ctx_hash ‖ LP(upstream id))`.
//! - **F29** Part token: `"p1." ‖ b64(flags (b0 staged, b1 MD5 follows, b2 client checksum follows) ‖ part_no u16 ‖
//!   plen u48 ‖ part_salt 16 ‖ H(part) 32 ‖ H(plaintext) 32 ‖ CRC-64 8 ‖ [MD5 16] ‖ [checksum's algorithm 1, length 1,
//!   value] ‖ u8 length, upstream ETag ‖ mac 16)`, mac = `MAC16(K_ptok, the fields before ‖ H(upstream id))`.
//! - **F30** A part under 5 MiB, or number 10 000, is staged outside the upload and sent again before the footer;
//!   what is sent again must have the hash its token names.
//!
//! # A key of the object's own
//! - **F31** An object may have a key from key management for itself, of 32 bytes. Then flag b3 is set, the key as key
//!   management wrapped it stands beside the header (`sof-k`, `b64`), and the DEK is wrapped under `K_both`. The header's
//!   MAC needs the KEK alone: a reader checks it before it has anything unwrapped. Rebinding takes a fresh own key, or
//!   none. An upload id wraps the DEK under the KEK alone, with a salt of its own.

/// base-2 logarithm of [`FRAME`].
pub const FRAME_LOG2: u8 = 16;
/// Plaintext bytes of a full frame.
pub const FRAME: u64 = 65_536;
/// Length of a nonce.
pub const NONCE_LEN: usize = 12;
/// Length of an AEAD tag.
pub const TAG_LEN: usize = 16;
/// What a frame adds to its plaintext: nonce and tag.
pub const FRAME_OVERHEAD: u64 = 28;
/// Bytes the canonical size reserves per part.
pub const PART_SLOT: u64 = 144;
/// Length of a part header.
pub const PART_HEADER_LEN: u64 = 48;
/// Length of a manifest entry.
pub const ENTRY_LEN: u64 = 56;
/// Length of the trailer.
pub const TRAILER_LEN: u64 = 368;
/// Most parts of one object, and the highest part number.
pub const MAX_PARTS: u64 = 10_000;
/// Least plaintext of a part that is not the last.
pub const MIN_PART: u64 = 5 * 1024 * 1024;
/// Most plaintext of a part or of a single upload.
pub const MAX_PART: u64 = 5 * 1024 * 1024 * 1024 - 4 * 1024 * 1024;
/// Length of the header before it is encoded.
pub const HEADER_LEN: usize = 192;
/// Length of a wrapped DEK: nonce, 32 bytes, tag.
pub const WRAPPED_LEN: usize = 60;
/// Length of the text sealed in the trailer.
pub const TRAILER_TEXT_LEN: usize = 128;
/// Length of the chunk in the trailer: [`TRAILER_TEXT_LEN`] and a frame's overhead.
pub const TRAILER_CHUNK_LEN: usize = 156;
/// Longest client checksum that is kept, SHA-512's.
pub const CHECKSUM_ROOM: usize = 64;
/// Largest `sof-m` in characters that is read or made; a gateway will have less room upstream.
pub const SEALED_METADATA_LIMIT: usize = 16_384;
/// Largest `sof-k` in characters that is read.
pub const OWN_KEY_LIMIT: usize = 8_192;

/// Opens a header.
pub const HEADER_MAGIC: &[u8; 4] = b"SOF1";
/// Opens a part header.
pub const PART_MAGIC: &[u8; 4] = b"SOFp";
/// Opens a trailer.
pub const TRAILER_MAGIC: &[u8; 4] = b"SOFT";
/// Version of part headers, trailers and upload ids.
pub const VERSION: u8 = 1;
/// AAD of a wrapped DEK.
pub const WRAP_AAD: &[u8; 5] = b"SOF1w";
/// Start of the AAD of sealed metadata.
pub const METADATA_AAD: &[u8; 5] = b"SOF1m";
/// Start of a frame's AAD.
pub const FRAME_AAD: &[u8; 5] = b"SOF1f";
/// Domain of the manifest's hash.
pub const ROOT_DOMAIN: &[u8; 11] = b"SOF1-ctroot";
/// Opens an upload id.
pub const UPLOAD_ID_PREFIX: &str = "u1.";
/// Opens a part token.
pub const PART_TOKEN_PREFIX: &str = "p1.";
