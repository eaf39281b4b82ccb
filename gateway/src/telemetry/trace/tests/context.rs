//! Headers of W3C Trace Context and Baggage.

use std::collections::HashSet;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use crate::telemetry::trace::w3c::{self, Parent};
use crate::telemetry::trace::{SpanId, TraceContext, TraceId};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
        .collect()
}

fn begin(fields: &[(&'static str, &str)], trusted: bool) -> TraceContext {
    TraceContext::new(&headers(fields), trusted, |_, parent| parent.is_some_and(|parent| parent.sampled))
}

#[test]
fn a_traceparent_names_trace_and_caller() {
    let parent = w3c::parse_traceparent(format!("00-{TRACE}-{SPAN}-01").as_bytes()).expect("valid");
    assert_eq!(parent.trace_id.to_string(), TRACE);
    assert_eq!(parent.span_id.to_string(), SPAN);
    assert!(parent.sampled);
    let unsampled = w3c::parse_traceparent(format!("00-{TRACE}-{SPAN}-02").as_bytes()).expect("valid");
    assert!(!unsampled.sampled, "the random flag is not the sampled flag");
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    for later in [format!("cc-{TRACE}-{SPAN}-01"), format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be")] {
        assert!(w3c::parse_traceparent(later.as_bytes()).is_some(), "{later}");
    }
    let run_on = format!("cc-{TRACE}-{SPAN}-01.what");
    assert!(w3c::parse_traceparent(run_on.as_bytes()).is_none());
}

#[test]
fn a_broken_traceparent_counts_as_none() {
    let upper = TRACE.to_uppercase();
    for broken in [
        String::new(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-0"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("00-{TRACE}-{SPAN}-01 "),
        format!("00-{TRACE}-{SPAN}-0x"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("0.-{TRACE}-{SPAN}-01"),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{upper}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{TRACE}+{SPAN}-01"),
        format!("00-{}é-{SPAN}-01", &TRACE[2..]),
    ] {
        assert_eq!(w3c::parse_traceparent(broken.as_bytes()), None, "{broken}");
    }
}

#[test]
fn a_tracestate_is_passed_on_only_if_every_member_is_valid() {
    let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let valid =
        ["a=b", "foo=1,bar=2", " foo=1 ,\tbar=2 ", "t@sys=x", "0t@s=x", "a=b,,c=d", "a-_*/=!", "k= x"];
    for state in valid.map(str::to_owned).into_iter().chain([many(32), format!("a={}", "v".repeat(256))]) {
        assert!(w3c::tracestate_is_valid(state.as_bytes()), "{state}");
    }
    let broken =
        ["", " ", ",", "a", "a=", "=b", "A=b", "1=b", "a=b=c", "a@=x", "@s=x", "a@1=x", "a b=c", "a=b\u{e9}"];
    let long = [many(33), format!("a={}", "v".repeat(257)), format!("{}=b", "a".repeat(257))];
    for state in broken.map(str::to_owned).into_iter().chain(long) {
        assert!(!w3c::tracestate_is_valid(state.as_bytes()), "{state}");
    }
}

#[test]
fn baggage_is_passed_on_only_if_every_member_is_valid() {
    for baggage in ["a=b", "a=b,c=d", "a = b ; p1 ; p2 = v , c=", "k=%20x", "k=a=b"] {
        assert!(w3c::baggage_is_valid(baggage.as_bytes()), "{baggage}");
    }
    let long = format!("a={}", "x".repeat(8192));
    for baggage in ["", "a", "=b", "a=b,,c=d", "a=b c", "a=\"b\"", "a b=c", "a=b;=v", "a=b\\", &long] {
        assert!(!w3c::baggage_is_valid(baggage.as_bytes()), "{baggage}");
    }
}

#[test]
fn a_request_without_context_begins_a_trace() {
    let one = begin(&[], true);
    let two = begin(&[], true);
    assert_ne!(one.trace_id(), two.trace_id());
    assert_eq!(one.parent(), None);
    assert!(one.tracestate().is_none());
}

#[test]
fn two_traceparents_are_as_good_as_none() {
    let one = format!("00-{TRACE}-{SPAN}-01");
    let context = begin(&[("traceparent", &one), ("traceparent", &one), ("tracestate", "a=b")], true);
    assert_ne!(context.trace_id().to_string(), TRACE);
    assert!(context.tracestate().is_none(), "a state without its trace says nothing");
}

#[test]
fn a_callee_is_told_trace_and_span_and_what_the_caller_passed_along() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let context = begin(
        &[("traceparent", &parent), ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "k=v")],
        true,
    );
    let span = SpanId::random();
    let mut out = headers(&[("traceparent", "stale"), ("tracestate", "stale"), ("x-other", "stays")]);
    context.write(span, &mut out);
    assert_eq!(out["traceparent"], format!("00-{TRACE}-{span}-01"));
    assert_eq!(out["tracestate"], "a=1,b=2");
    assert_eq!(out["baggage"], "k=v");
    assert_eq!(out["x-other"], "stays");
}

#[test]
fn a_stranger_cannot_put_baggage_on_the_trace() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let context = begin(&[("traceparent", &parent), ("baggage", "user=root")], false);
    assert_eq!(context.trace_id().to_string(), TRACE, "the trace goes on");
    let mut out = headers(&[("baggage", "user=root"), ("tracestate", "a=b")]);
    context.write(SpanId::random(), &mut out);
    assert!(out.get("baggage").is_none() && out.get("tracestate").is_none());
}

#[test]
fn ids_of_many_threads_do_not_repeat() {
    let spans = || (0..5_000).map(|_| (TraceId::random(), SpanId::random())).collect::<Vec<_>>();
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(spans)).collect();
    let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    assert_eq!(all.iter().map(|(trace, _)| trace).collect::<HashSet<_>>().len(), all.len());
    assert_eq!(all.iter().map(|(_, span)| span).collect::<HashSet<_>>().len(), all.len());
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(trace in 1u128.., span in 1u64.., sampled: bool) {
        let parent = Parent {
            trace_id: TraceId::new(trace).expect("not zero"),
            span_id: SpanId::new(span).expect("not zero"),
            sampled,
        };
        let written = w3c::format_traceparent(&parent);
        prop_assert_eq!(w3c::parse_traceparent(written.as_bytes()), Some(parent));
    }

    #[test]
    fn what_is_read_from_version_0_is_written_the_same(text in "00-[0-9a-fA-F]{31,33}-[0-9a-f]{15,17}-0[0-3]") {
        if let Some(parent) = w3c::parse_traceparent(text.as_bytes()) {
            let written = w3c::format_traceparent(&parent);
            prop_assert_eq!(&written.as_bytes()[..54], &text.as_bytes()[..54]);
        }
    }

    #[test]
    fn no_bytes_can_break_the_readers(bytes: Vec<u8>) {
        w3c::parse_traceparent(&bytes);
        w3c::tracestate_is_valid(&bytes);
        w3c::baggage_is_valid(&bytes);
    }

    #[test]
    fn a_state_that_is_passed_on_is_a_header(state in "[a-z0-9@=, !~-]{0,40}") {
        if w3c::tracestate_is_valid(state.as_bytes()) {
            prop_assert!(HeaderValue::from_str(&state).is_ok());
        }
    }
}
