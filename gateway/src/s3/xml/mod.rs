//! XML as S3 speaks it: a strict little reader into a tree, and a writer. Pure.
//!
//! The reader refuses document types, processing instructions and unknown entities, and has a depth
//! limit; namespaces are ignored. What is acted on is what was read here, never the client's bytes.

mod listing;
mod requests;
mod responses;

pub use listing::ListingRewriter;
pub use requests::{CompletedPart, DeleteRequest, ObjectIdentifier, parse_complete, parse_delete};
pub use responses::{error_document, etag_result};

use std::collections::BTreeSet;
use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::code::{Code, S3Error};

/// An element: local name, its own text, its children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Name without namespace prefix.
    pub name: String,
    /// The text directly inside, unescaped.
    pub text: String,
    /// Child elements in order.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document into its root element. `MalformedXML` says what is wrong.
    pub fn parse(document: &[u8]) -> Result<Self, S3Error> {
        let refuse = |why: &str| {
            Code::MalformedXml.because(format!("The XML document cannot be read: {why}."))
        };
        let text = std::str::from_utf8(document).map_err(|_| refuse("it is not UTF-8"))?;
        if text.contains('\0') {
            return Err(refuse("it holds a NUL, which no XML can"));
        }
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        let mut elements = 0_usize;
        loop {
            let event = reader
                .read_event()
                .map_err(|error| refuse(&error.to_string()))?;
            match event {
                Event::Start(_) | Event::Empty(_) if elements >= MOST_ELEMENTS => {
                    return Err(refuse("it has too many elements"));
                }
                Event::Start(tag) => {
                    elements = elements.saturating_add(1);
                    let begun = Self::begun(&open, tag.local_name().as_ref());
                    open.push(begun.map_err(refuse)?);
                }
                Event::Empty(tag) => {
                    elements = elements.saturating_add(1);
                    let begun = Self::begun(&open, tag.local_name().as_ref());
                    adopt(&mut open, begun.map_err(refuse)?);
                }
                Event::End(_) => {
                    let closed = open.pop().unwrap_or_default();
                    adopt(&mut open, closed);
                }
                Event::Text(piece) => push_text(&mut open, &piece),
                Event::CData(piece) => push_text(&mut open, &piece),
                Event::GeneralRef(reference) => {
                    let meant = if let Ok(Some(character)) = reference.resolve_char_ref() {
                        character
                    } else {
                        predefined(&reference)
                            .ok_or_else(|| refuse("it uses an entity that is not predefined"))?
                    };
                    push_text(&mut open, meant.encode_utf8(&mut [0; 4]));
                }
                Event::DocType(_) => return Err(refuse("document types are not accepted")),
                Event::PI(_) => return Err(refuse("processing instructions are not accepted")),
                Event::Decl(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        let mut top = open
            .pop()
            .filter(|_| open.is_empty())
            .ok_or_else(|| refuse("it ends too early"))?;
        match (top.children.len(), top.children.pop()) {
            (1, Some(root)) => Ok(root),
            _ => Err(refuse("it must have exactly one root element")),
        }
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// All children of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Refuses what another reader may read otherwise than `child_text` does: an element twice, but for those of `list`, or
    /// text beside elements.
    pub fn unambiguous(&self, list: &[&str]) -> Result<(), S3Error> {
        let refuse = |why: &str| {
            let message = format!("In the element {}, {why}.", self.name);
            Err(Code::MalformedXml.because(message))
        };
        let mut names = BTreeSet::new();
        for child in &self.children {
            if !names.insert(child.name.as_str()) && !list.contains(&child.name.as_str()) {
                return refuse("one stands twice");
            }
            child.unambiguous(list)?;
        }
        if !self.children.is_empty() && !self.text.trim().is_empty() {
            return refuse("text stands beside elements");
        }
        Ok(())
    }

    /// The element written anew from what was read: no attributes, comments or unknown constructs pass.
    pub fn rewritten(&self) -> String {
        let mut out = format!("{DECLARATION}<{} xmlns=\"{NAMESPACE}\">", self.name);
        self.write_inside(&mut out);
        out.extend(["</", &self.name, ">"]);
        out
    }

    fn write_inside(&self, out: &mut String) {
        if self.children.is_empty() {
            escape_into(out, &self.text);
        }
        for child in &self.children {
            out.extend(["<", &child.name, ">"]);
            child.write_inside(out);
            out.extend(["</", &child.name, ">"]);
        }
    }

    /// A new element inside those that are open; the error is what is wrong with it. Its name is written
    /// into documents for the store, so it must hold nothing that ends a tag there.
    fn begun(open: &[Self], name: &str) -> Result<Self, &'static str> {
        if open.len() > DEEPEST {
            return Err("it is nested too deep");
        }
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !begins || !name.bytes().all(plain) {
            return Err("the name of an element is not of ASCII letters, digits and _ - .");
        }
        Ok(Self {
            name: name.to_owned(),
            ..Self::default()
        })
    }
}

/// Writes one document.
#[derive(Debug)]
pub struct Writer {
    out: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// Begins a document with this root in S3's namespace.
    pub fn new(root: &'static str) -> Self {
        Self::in_namespace(root, NAMESPACE)
    }

    /// The same in another namespace.
    pub fn in_namespace(root: &'static str, namespace: &'static str) -> Self {
        let out = format!("{DECLARATION}<{root} xmlns=\"{namespace}\">");
        Self {
            out,
            open: vec![root],
        }
    }

    /// Begins a document whose root has no namespace (errors).
    pub fn bare(root: &'static str) -> Self {
        Self {
            out: format!("{DECLARATION}<{root}>"),
            open: vec![root],
        }
    }

    /// A document whose root holds nothing but text.
    pub fn value(root: &'static str, text: &str) -> String {
        let mut writer = Self::new(root);
        escape_into(&mut writer.out, text);
        writer.finish()
    }

    /// `<name>text</name>`, escaped.
    pub fn text(&mut self, name: &str, text: impl AsRef<str>) -> &mut Self {
        self.tag("<", name);
        escape_into(&mut self.out, text.as_ref());
        self.tag("</", name);
        self
    }

    /// Like [`Self::text`], or nothing.
    pub fn maybe(&mut self, name: &str, text: Option<impl AsRef<str>>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// `<name>` with whatever `inside` writes.
    pub fn within(&mut self, name: &'static str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        self.tag("<", name);
        self.open.push(name);
        inside(self);
        self.close();
        self
    }

    /// The finished document.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn tag(&mut self, open: &str, name: &str) {
        self.out.extend([open, name, ">"]);
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.tag("</", name);
        }
    }
}

/// Escapes text content. Quotes stay as they are: some clients count entities and give up on a long
/// listing whose `ETags` are written with `&quot;`. Control characters become references, as in S3.
pub fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\t' => out.push(character),
            control if control < ' ' => {
                let _ = write!(out, "&#x{:X};", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
}

fn adopt(open: &mut [Element], child: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(child);
    }
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// More than 10 000 parts with all their checksums have.
const MOST_ELEMENTS: usize = 120_000;

/// Deeper than any document of S3.
const DEEPEST: usize = 16;

/// What every document begins with.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_with_and_without_namespace() {
        for document in [
            "<A xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><B>x &amp; &#233;</B></A>",
            "<?xml version=\"1.0\"?><s:A xmlns:s=\"u\"><s:B>x &amp; é</s:B></s:A>",
            "<A><B><![CDATA[x & ]]>é</B></A>",
        ] {
            let root = Element::parse(document.as_bytes()).unwrap();
            assert_eq!(root.name, "A");
            assert_eq!(root.child_text("B"), Some("x & é"));
        }
    }

    #[test]
    fn what_another_reader_takes_the_last_of_is_ambiguous() {
        let is_clear = |document: &str| {
            let root = Element::parse(document.as_bytes()).unwrap();
            root.unambiguous(&["Tag"]).is_ok()
        };
        let tag = "<Tag><Key>a</Key><Value/></Tag>";
        assert!(is_clear(&format!(
            "<Tagging>\n <TagSet>{tag}{tag}</TagSet>\n</Tagging>"
        )));
        for document in [
            "<R><Mode>GOVERNANCE</Mode><Mode>COMPLIANCE</Mode></R>",
            "<T><TagSet/><TagSet/></T>",
            "<T><TagSet><Tag><Key>a</Key><Key>b</Key></Tag></TagSet></T>",
            "<R><Mode>GOVERNANCE<x/></Mode></R>",
        ] {
            assert!(!is_clear(document), "{document}");
        }
    }

    #[test]
    fn refuses_what_two_readers_might_read_differently() {
        for document in [
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a>&nope;</a>",
            "<a><b></a>",
            "<a/><a/>",
            "",
            "<?php ?><a/>",
            "\u{1}",
            "<a>\0</a>",
            "<a\"b></a\"b>",
            "<a:b:c/>",
            "<\u{e9}/>",
        ] {
            assert!(Element::parse(document.as_bytes()).is_err(), "{document}");
        }
        let nested = |depth: usize, inside: &str| {
            let document = format!("{}{inside}{}", "<a>".repeat(depth), "</a>".repeat(depth));
            Element::parse(document.as_bytes())
        };
        assert!(nested(16, "").is_ok());
        assert!(nested(17, "").is_err());
        assert!(
            nested(16, "<a/>").is_err(),
            "an empty element is as deep as any"
        );
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut writer = Writer::new("R");
        writer.text("K", "a<b>&\"c\"\r").within("In", |w| {
            w.text("X", "1").maybe("Y", None::<&str>);
        });
        let document = writer.finish();
        assert!(document.contains("\"c\"&#xD;"));
        let root = Element::parse(document.as_bytes()).unwrap();
        assert_eq!(root.child_text("K"), Some("a<b>&\"c\"\r"));
        assert_eq!(root.child("In").unwrap().child_text("X"), Some("1"));
    }
}
