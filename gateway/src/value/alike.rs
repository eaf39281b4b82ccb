//! Names of headers as services read them.

/// Whether two names, in lower case, are the same to a service. CGI reads `_` as `-`, so both spellings count.
pub fn alike(a: &str, b: &str) -> bool {
    let cgi = |byte: u8| if byte == b'_' { b'-' } else { byte };
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| cgi(a) == cgi(b))
}
