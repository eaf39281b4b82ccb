use std::collections::BTreeSet;

use super::*;

#[test]
fn the_table_stands_in_the_order_of_the_enum() {
    for (position, row) in TABLE.iter().enumerate() {
        assert_eq!(row.reason.index(), position, "{}", row.code);
        assert_eq!(row.reason.code(), row.code);
    }
}

#[test]
fn codes_are_unique_snake_case_words() {
    let codes: BTreeSet<_> = TABLE.iter().map(|row| row.code).collect();
    assert_eq!(codes.len(), TABLE.len());
    for code in codes {
        assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
    }
}

#[test]
fn every_status_is_an_error_status() {
    for row in &TABLE {
        assert!((400..600).contains(&row.status), "{}", row.code);
        assert!(row.reason.grpc_status() > 0);
    }
}

#[test]
fn proxy_error_types_are_the_registered_ones() {
    // RFC 9209 section 2.3, those that a reverse proxy can use.
    let registered = [
        "dns_timeout",
        "dns_error",
        "destination_not_found",
        "destination_unavailable",
        "destination_ip_prohibited",
        "destination_ip_unroutable",
        "connection_refused",
        "connection_terminated",
        "connection_timeout",
        "connection_read_timeout",
        "connection_write_timeout",
        "connection_limit_reached",
        "tls_protocol_error",
        "tls_certificate_error",
        "tls_alert_received",
        "http_request_error",
        "http_request_denied",
        "http_response_incomplete",
        "http_response_header_section_size",
        "http_response_body_size",
        "http_response_timeout",
        "http_upgrade_failed",
        "http_protocol_error",
        "proxy_internal_response",
        "proxy_internal_error",
        "proxy_configuration_error",
        "proxy_loop_detected",
    ];
    for row in &TABLE {
        assert!(registered.contains(&row.proxy_error), "{}: {}", row.code, row.proxy_error);
    }
}

#[test]
fn a_client_is_told_the_reason_in_body_and_header() {
    let body: serde_json::Value =
        serde_json::from_slice(&Reason::RouteNotFound.problem("id-1", "0af7")).expect("JSON");
    let expected = serde_json::json!({
        "type": "urn:glassgate:reason:route_not_found",
        "title": "There is nothing at this address",
        "status": 404,
        "reason": "route_not_found",
        "request_id": "id-1",
        "trace_id": "0af7",
    });
    assert_eq!(body, expected);
    let header = Reason::RouteNotFound.proxy_status();
    assert_eq!(header, "glassgate; error=destination_not_found; details=\"route_not_found\"");
}
