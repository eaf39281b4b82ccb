//! YAML events to a [`Tree`]: anchors, merge keys, duplicate keys, budgets, environment.
//!
//! Refused, each with its place: syntax errors (these end the parse), a second document, keys that are not text,
//! duplicate keys, tags other than `!!str`, and aliases that blow up.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{Environment, Fault, Kind, Mark, Node, NodeId, Step, Tree, env};

/// Nodes that aliases may add. Enough for any template, too little for a "billion laughs".
const MAX_COPIES: usize = 100_000;

/// Parses `text`. The tree is there unless the syntax is wrong; the faults are all that were found.
pub fn parse(file: Arc<str>, text: &str, environment: Environment<'_>) -> (Option<Tree>, Vec<Fault>) {
    let source = text.into();
    let tree = Tree { file, source, nodes: Vec::new(), root: NodeId(0), values: HashMap::new() };
    let builder = Builder {
        tree,
        environment,
        faults: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
        copies: 0,
    };
    builder.run(text)
}

/// A collection whose end has not been seen.
struct Open {
    id: NodeId,
    /// In a mapping: the key that waits for its value.
    key: Option<NodeId>,
    keys: HashMap<Arc<str>, NodeId>,
    merges: Vec<NodeId>,
}

struct Builder<'a> {
    tree: Tree,
    environment: Environment<'a>,
    faults: Vec<Fault>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    copies: usize,
}

impl Builder<'_> {
    fn run(mut self, text: &str) -> (Option<Tree>, Vec<Fault>) {
        let mut options = granit_parser::Options::default();
        options.set_emit_comments(false);
        options.block_nesting_limit = 64;
        options.flow_nesting_limit = 64;
        let mut documents = 0;
        for event in Parser::<StrInput<'_>>::new_from_str_with_options(text, options) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.syntax(&error);
                    return (None, self.faults);
                }
            };
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
                if documents > 1 {
                    self.fault(
                        start(&span),
                        "a second document",
                        "keep one document per file: remove the `---`",
                    );
                    break;
                }
            }
            self.event(event, &span);
        }
        if self.tree.nodes.is_empty() {
            let mark = Mark { line: 1, column: 1 };
            self.tree.nodes.push(Node {
                kind: Kind::Mapping(Vec::new()),
                start: mark,
                end: mark,
                step: Step::Root,
                written: None,
            });
            self.fault(
                mark,
                "the file is empty",
                "begin with `listeners:`; docs/configuration.md has a first configuration",
            );
        }
        self.tree.index();
        (Some(self.tree), self.faults)
    }

    fn event(&mut self, event: Event<'_>, span: &Span) {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag, span),
            Event::SequenceStart(_, anchor, tag) => self.begin(Kind::List(Vec::new()), anchor, tag, span),
            Event::MappingStart(_, anchor, tag) => self.begin(Kind::Mapping(Vec::new()), anchor, tag, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            // Stream and document marks; anchor and comment events are not asked for.
            _ => {}
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        span: &Span,
    ) {
        let quoted_by_tag = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let tag_refused = !quoted_by_tag && tag.is_some();
        if tag_refused {
            self.refuse_tag(tag, span);
        }
        let is_key = self.open.last().is_some_and(|open| open.key.is_none() && self.is_mapping(open.id));
        let plain = style == ScalarStyle::Plain && !quoted_by_tag;
        let mut written = None;
        let kind = if is_key {
            Kind::Scalar { text: text.into(), plain }
        } else {
            match env::expand(text, self.environment) {
                Ok(Cow::Borrowed(text)) => Kind::Scalar { text: text.into(), plain },
                Ok(Cow::Owned(expanded)) => {
                    written = Some(text.into());
                    Kind::Scalar { text: expanded.into(), plain }
                }
                Err(_) => Kind::Broken,
            }
        };
        let kind = if tag_refused { Kind::Broken } else { kind };
        let broken = !tag_refused && matches!(kind, Kind::Broken);
        let id = self.add(kind, span);
        self.tree.nodes[id.0 as usize].written = written;
        self.attach(id);
        if broken && let Err((message, hint)) = env::expand(text, self.environment) {
            let place = self.tree.place_at(start(span), self.tree.path(id));
            self.faults.push(Fault { place, message, hint: Some(hint) });
        }
        self.remember(anchor, id);
    }

    fn begin(&mut self, kind: Kind, anchor: usize, tag: Option<Cow<'_, Tag>>, span: &Span) {
        self.refuse_tag(tag, span);
        let id = self.add(kind, span);
        self.attach(id);
        self.remember(anchor, id);
        self.open.push(Open { id, key: None, keys: HashMap::new(), merges: Vec::new() });
    }

    fn end(&mut self, span: &Span) {
        let Some(open) = self.open.pop() else { return };
        self.tree.nodes[open.id.0 as usize].end = end(span);
        self.merge(open);
    }

    /// An alias is a copy, so that its nodes have their own paths; their lines stay those of the anchor.
    fn alias(&mut self, anchor: usize, span: &Span) {
        let target = self.anchors.get(&anchor).copied();
        let recursive = self.open.iter().any(|open| Some(open.id) == target);
        let copy = match target.filter(|_| !recursive) {
            Some(target) => self.copy(target),
            None => None,
        };
        let id = copy.unwrap_or_else(|| {
            let hint = if recursive { "it stands inside the value it names" } else { "write the values out" };
            self.fault(start(span), "this alias cannot be expanded", hint);
            self.add(Kind::Broken, span)
        });
        self.attach(id);
    }

    /// `None` if the copies become too many.
    fn copy(&mut self, from: NodeId) -> Option<NodeId> {
        self.copies += 1;
        if self.copies > MAX_COPIES {
            return None;
        }
        let mut node = self.tree.node(from).clone();
        let kind = std::mem::replace(&mut node.kind, Kind::Broken);
        let id = self.push(node);
        let kind = match kind {
            Kind::List(items) => {
                let mut copies = Vec::with_capacity(items.len());
                for (index, item) in (0..).zip(items) {
                    let copy = self.copy(item)?;
                    self.tree.nodes[copy.0 as usize].step = Step::Index(id, index);
                    copies.push(copy);
                }
                Kind::List(copies)
            }
            Kind::Mapping(entries) => {
                let mut copies = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let entry = (self.copy(key)?, self.copy(value)?);
                    self.hang(id, entry);
                    copies.push(entry);
                }
                Kind::Mapping(copies)
            }
            other => other,
        };
        self.tree.nodes[id.0 as usize].kind = kind;
        Some(id)
    }

    /// Hangs a new node on the innermost open collection.
    fn attach(&mut self, id: NodeId) {
        let Some(mut open) = self.open.pop() else {
            self.tree.root = id;
            return;
        };
        let parent = open.id;
        match &mut self.tree.nodes[parent.0 as usize].kind {
            Kind::List(items) => {
                let index = items.len() as u32;
                items.push(id);
                self.tree.nodes[id.0 as usize].step = Step::Index(parent, index);
            }
            _ => match open.key.take() {
                None => {
                    self.tree.nodes[id.0 as usize].step = Step::Key(parent, id);
                    open.key = Some(id);
                }
                Some(key) => self.entry(&mut open, key, id),
            },
        }
        self.open.push(open);
    }

    fn entry(&mut self, open: &mut Open, key: NodeId, value: NodeId) {
        self.hang(open.id, (key, value));
        let mark = self.tree.node(key).start;
        let Kind::Scalar { text, plain } = self.tree.kind(key).clone() else {
            self.fault(mark, "a key must be a text", "quote it if it contains `{`, `[` or `*`");
            return;
        };
        if plain && &*text == "<<" {
            open.merges.push(value);
            return;
        }
        if let Some(first) = open.keys.insert(text.clone(), key) {
            let line = self.tree.node(first).start.line;
            let place = self.tree.place_at(mark, self.tree.path(key));
            let message = format!("the key `{text}` is already given in line {line}");
            self.faults.push(Fault { place, message, hint: Some("remove one of the two".into()) });
            return;
        }
        if let Kind::Mapping(entries) = &mut self.tree.nodes[open.id.0 as usize].kind {
            entries.push((key, value));
        }
    }

    /// `<<: *base` and `<<: [*a, *b]`: keys given here win, then those of the earlier base.
    fn merge(&mut self, mut open: Open) {
        let mut bases = Vec::new();
        for merge in std::mem::take(&mut open.merges) {
            match self.tree.kind(merge) {
                Kind::List(items) => bases.extend(items.clone()),
                _ => bases.push(merge),
            }
        }
        for base in bases {
            let Kind::Mapping(entries) = self.tree.kind(base).clone() else {
                let place = self.tree.place(base);
                let hint = "name one with an anchor: `<<: *base`".to_owned();
                self.faults.push(Fault { place, message: "`<<` takes mappings".into(), hint: Some(hint) });
                continue;
            };
            for (key, value) in entries {
                let text: Arc<str> = self.tree.text(key).unwrap_or_default().into();
                if open.keys.contains_key(&text) {
                    continue;
                }
                open.keys.insert(text, key);
                self.hang(open.id, (key, value));
                if let Kind::Mapping(entries) = &mut self.tree.nodes[open.id.0 as usize].kind {
                    entries.push((key, value));
                }
            }
        }
    }

    fn hang(&mut self, parent: NodeId, (key, value): (NodeId, NodeId)) {
        self.tree.nodes[key.0 as usize].step = Step::Key(parent, key);
        self.tree.nodes[value.0 as usize].step = Step::Key(parent, key);
    }

    fn add(&mut self, kind: Kind, span: &Span) -> NodeId {
        self.push(Node { kind, start: start(span), end: end(span), step: Step::Root, written: None })
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.tree.nodes.push(node);
        NodeId((self.tree.nodes.len() - 1) as u32)
    }

    fn remember(&mut self, anchor: usize, id: NodeId) {
        // 0 is the parser's "no anchor".
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn is_mapping(&self, id: NodeId) -> bool {
        matches!(self.tree.kind(id), Kind::Mapping(_))
    }

    fn refuse_tag(&mut self, tag: Option<Cow<'_, Tag>>, span: &Span) {
        if let Some(tag) = tag {
            let mark = span.tag_span().map_or(start(span), |span| start(&span));
            self.fault(mark, &format!("the tag `{}` has no meaning here", tag.original()), "remove it");
        }
    }

    fn fault(&mut self, mark: Mark, message: &str, hint: &str) {
        let path = self.open.last().map(|open| self.tree.path(open.id)).unwrap_or_default();
        let place = self.tree.place_at(mark, path);
        self.faults.push(Fault { place, message: message.into(), hint: Some(hint.into()) });
    }

    fn syntax(&mut self, error: &ScanError) {
        let marker = error.marker();
        let mark = Mark { line: marker.line().max(1) as u32, column: marker.col() as u32 + 1 };
        let place = self.tree.place_at(mark, String::new());
        let message = format!("this is not valid YAML: {}", error.info());
        self.faults.push(Fault { place, message, hint: syntax_hint(error.kind()).map(Into::into) });
    }
}

fn syntax_hint(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => Some("indent with spaces"),
        ErrorKind::UnknownAnchor => Some("define it first: `&name`"),
        ErrorKind::MappingValueNotAllowed => Some("quote a value that contains `: `"),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            Some("quote a value with braces or brackets, as in `{ path: \"/users/{id}\" }`")
        }
        ErrorKind::InvalidIndentation => Some("align it with its neighbours"),
        _ => None,
    }
}

fn start(span: &Span) -> Mark {
    Mark { line: span.start.line() as u32, column: span.start.col() as u32 + 1 }
}

fn end(span: &Span) -> Mark {
    Mark { line: span.end.line() as u32, column: span.end.col() as u32 + 1 }
}
