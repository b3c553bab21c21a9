//! Where tiles lie: C2SP tlog-tiles, <https://c2sp.org/tlog-tiles>. Names only.

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// `tile/<level>/<index>` of a full tile, with `.p/<width>` of a partial one. Indices are written in groups of three
/// digits, all but the last with an `x`.
pub fn tile_path(level: u8, index: u64, width: u64) -> String {
    let mut groups = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    let partial = if width < TILE_WIDTH {
        format!(".p/{width}")
    } else {
        String::new()
    };
    format!("tile/{level}/{groups}{partial}")
}

/// The tiles of a tree of `size` leaves, as level, index and width.
pub fn tiles_of(size: u64) -> Vec<(u8, u64, u64)> {
    let mut tiles = Vec::new();
    let (mut level, mut hashes) = (0_u8, size);
    while hashes > 0 {
        let full = hashes / TILE_WIDTH;
        tiles.extend((0..full).map(|index| (level, index, TILE_WIDTH)));
        if hashes % TILE_WIDTH > 0 {
            tiles.push((level, full, hashes % TILE_WIDTH));
        }
        hashes = full;
        level = level.saturating_add(1);
    }
    tiles
}
