//! The response's `errors`, written as they are met.

use crate::execute::Fault;

/// Errors as JSON, up to a number; further ones are only counted.
#[derive(Debug)]
pub(super) struct Errors {
    json: Vec<u8>,
    limit: usize,
    count: usize,
    first: Option<&'static str>,
}

/// One step of a response path.
pub(super) enum Segment<'s> {
    Key(&'s str),
    Index(usize),
}

impl Errors {
    pub(super) fn new(limit: usize) -> Self {
        Self { json: Vec::new(), limit, count: 0, first: None }
    }

    /// Adds the error of one position.
    pub(super) fn push<'s>(
        &mut self,
        fault: &Fault,
        location: Option<(u32, u32)>,
        path: impl Iterator<Item = Segment<'s>>,
    ) {
        self.count += 1;
        self.first.get_or_insert(fault.code);
        if self.count > self.limit {
            return;
        }
        if self.count > 1 {
            self.json.push(b',');
        }
        self.raw("{\"message\":");
        self.text(&fault.message);
        if let Some((line, column)) = location {
            self.raw(&format!(",\"locations\":[{{\"line\":{line},\"column\":{column}}}]"));
        }
        self.raw(",\"path\":[");
        for (at, segment) in path.enumerate() {
            if at > 0 {
                self.raw(",");
            }
            match segment {
                Segment::Key(key) => self.text(key),
                Segment::Index(index) => self.raw(&index.to_string()),
            }
        }
        self.raw("],\"extensions\":{\"code\":");
        self.text(fault.code);
        if let Some(source) = &fault.source {
            self.raw(",\"source\":");
            self.text(source);
        }
        if let Some(status) = fault.status {
            self.raw(",\"status\":");
            self.raw(status.as_str());
        }
        if let Some(problem) = &fault.problem {
            self.raw(",\"problem\":");
            self.json.extend_from_slice(problem);
        }
        self.raw("}}");
    }

    /// Bytes of the errors that are listed.
    pub(super) fn len(&self) -> usize {
        self.json.len()
    }

    /// Every error, the omitted ones included.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Code of the first error.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.first
    }

    /// Ends the response object behind its `data`.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        if self.count > 0 {
            out.extend_from_slice(b",\"errors\":[");
            out.extend_from_slice(&self.json);
            out.push(b']');
        }
        if let Some(omitted) = self.count.checked_sub(self.limit).filter(|omitted| *omitted > 0) {
            out.extend_from_slice(format!(",\"extensions\":{{\"omittedErrors\":{omitted}}}").as_bytes());
        }
        out.push(b'}');
    }

    fn raw(&mut self, text: &str) {
        self.json.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        // Serialising a string into memory cannot fail.
        let _ = serde_json::to_writer(&mut self.json, text);
    }
}
