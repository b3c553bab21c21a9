//! Writes the seeds into the corpus, each under the hash of its bytes. It must not take anything away: what a fuzzer
//! found stays.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, _) in fuzz::TARGETS {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for seed in fuzz::seeds::of(target) {
            let name = blake3::hash(&seed).to_hex();
            fs::write(
                folder.join(name.as_str().get(..16).unwrap_or_default()),
                seed,
            )?;
        }
    }
    Ok(())
}
