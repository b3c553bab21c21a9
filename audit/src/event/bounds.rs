//! Cuts what is too long for a line and remembers what it cut. It must not know what the fields
//! mean.

/// Lengths are counted as JSON writes the text, escapes included: only so is the length of a line
/// bounded.
#[derive(Default)]
pub(super) struct Trimmer {
    cut: Vec<&'static str>,
}

impl Trimmer {
    /// `text`, or as much of its beginning as takes at most `limit` bytes in JSON.
    pub(super) fn text<'a>(&mut self, name: &'static str, text: &'a str, limit: usize) -> &'a str {
        let mut written = 0_usize;
        for (at, character) in text.char_indices() {
            written = written.saturating_add(written_length(character));
            if written > limit {
                self.cut.push(name);
                return text.get(..at).unwrap_or_default();
            }
        }
        text
    }

    pub(super) fn optional<'a>(
        &mut self,
        name: &'static str,
        text: Option<&'a str>,
        limit: usize,
    ) -> Option<&'a str> {
        text.map(|text| self.text(name, text, limit))
    }

    /// `text`, or as much of its beginning as takes at most `limit` bytes in UTF-8.
    pub(super) fn bytes<'a>(&mut self, name: &'static str, text: &'a str, limit: usize) -> &'a str {
        if text.len() <= limit {
            return text;
        }
        self.cut.push(name);
        text.get(..text.floor_char_boundary(limit))
            .unwrap_or_default()
    }

    /// Remembers that a field was left out.
    pub(super) fn leave_out(&mut self, name: &'static str) {
        self.cut.push(name);
    }

    /// As many whole items from the front as take at most `limit` bytes in JSON, quotes and commas
    /// included.
    pub(super) fn list<'a>(
        &mut self,
        name: &'static str,
        items: &'a [String],
        limit: usize,
    ) -> &'a [String] {
        let mut written = 0_usize;
        for (at, item) in items.iter().enumerate() {
            let length: usize = item.chars().map(written_length).sum();
            written = written
                .saturating_add(length)
                .saturating_add(QUOTES_AND_COMMA);
            if written > limit {
                self.cut.push(name);
                return items.get(..at).unwrap_or_default();
            }
        }
        items
    }

    /// The names of the fields that were cut.
    pub(super) fn cut(self) -> Vec<&'static str> {
        self.cut
    }
}

/// RFC 8259, section 7, as `serde_json` writes it: short escapes where there are, `\u00XX` for the
/// other controls.
fn written_length(character: char) -> usize {
    match character {
        '"' | '\\' | '\u{8}' | '\u{c}' | '\n' | '\r' | '\t' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

const QUOTES_AND_COMMA: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_what_serde_json_writes() {
        for character in ('\0'..='\u{ff}').chain(['€', '𝄞', '\u{2028}']) {
            let written = serde_json::to_string(&character.to_string()).unwrap();
            assert_eq!(
                written_length(character),
                written.len() - 2,
                "{character:?}"
            );
        }
    }

    #[test]
    fn text_is_cut_between_characters_and_only_beyond_its_limit() {
        let mut trim = Trimmer::default();
        assert_eq!(trim.text("a", "äöü", 6), "äöü");
        assert_eq!(trim.text("b", "äöü", 5), "äö");
        assert_eq!(trim.text("c", "x\0y", 7), "x\0");
        assert_eq!(trim.text("d", "x\0y", 6), "x");
        assert_eq!(trim.cut(), ["b", "c", "d"]);
    }

    #[test]
    fn a_list_loses_whole_items() {
        let items = ["one".to_owned(), "two".to_owned()];
        let mut trim = Trimmer::default();
        assert_eq!(trim.list("a", &items, 12), items);
        assert_eq!(trim.list("b", &items, 11), ["one"]);
        assert_eq!(trim.cut(), ["b"]);
    }
}
