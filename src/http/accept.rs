//! Parses weighted lists, as in `Accept` and `Accept-Encoding` (RFC 9110, section 12.4.2).
//!
//! Rocket's `Request::accept()` copies the whole header for each item: 200 KB need gigabytes. This parser copies nothing.

use rocket::request::Request;

const MAX_ITEMS: usize = 64;

pub(crate) fn prefers_json(request: &Request<'_>) -> bool {
    is_json_best(request.headers().get("Accept"))
}

pub(crate) fn accepts_gzip(request: &Request<'_>) -> bool {
    is_gzip_accepted(request.headers().get("Accept-Encoding"))
}

pub(crate) fn weighted_items(header: &str) -> impl Iterator<Item = (&str, f32)> {
    items(std::iter::once(header))
}

/// Compares media types by weight, then by specificity, then by position.
fn is_json_best<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let mut best = (0.0, 0, false);
    for (name, weight) in items(lines) {
        let specificity = match name.split_once('/') {
            Some(("*", "*")) => 1,
            Some((_, "*")) => 2,
            Some(_) => 3,
            None => continue,
        };
        if weight > 0.0 && (weight, specificity) > (best.0, best.1) {
            best = (weight, specificity, name.eq_ignore_ascii_case("application/json"));
        }
    }
    best.2
}

/// Prefers an item that names gzip to `*`.
fn is_gzip_accepted<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let (mut gzip, mut any) = (None, None);
    for (name, weight) in items(lines) {
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            gzip = gzip.or(Some(weight));
        } else if name == "*" {
            any = any.or(Some(weight));
        }
    }
    gzip.or(any).is_some_and(|weight| weight > 0.0)
}

fn items<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, f32)> {
    lines.flat_map(|line| line.split(',')).take(MAX_ITEMS).map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        (name.trim(), weight(parameters))
    })
}

/// Returns 1 by default, 0 for a malformed weight.
fn weight(parameters: &str) -> f32 {
    let pairs = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut weights = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weights.next().map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_sent_where_it_is_the_best_media_type() {
        for json in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "text/html;q=0.9, application/json",
            "*/*, application/json",
            "application/json, text/html",
            "application/json;v=1;q=0.5, */*;q=0.1",
        ] {
            assert!(is_json_best([json].into_iter()), "{json}");
        }
        for page in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html, application/json",
            "application/json;q=0",
            "application/json;q=x",
            "application/json;q=NaN",
            "application/json;q=0.5, text/html",
            "json",
            ",,;;,/",
        ] {
            assert!(!is_json_best([page].into_iter()), "{page}");
        }
        assert!(is_json_best(["text/html;q=0.5", "application/json"].into_iter()), "a list may span several lines");
        assert!(!is_json_best([format!("{}application/json", "a/b;q=0.1,".repeat(64)).as_str()].into_iter()));
    }

    #[test]
    fn gzip_is_taken_where_it_is_named_with_a_weight() {
        for taken in
            ["gzip", "br, GZIP", "x-gzip", "gzip;q=0.1", "*", "deflate, * ; q=0.5", "gzip; q = 1.0", "*;q=0,gzip"]
        {
            assert!(is_gzip_accepted([taken].into_iter()), "{taken}");
        }
        for refused in
            ["", "br", "gzip;q=0", "gzip; q=0.000", "gzip;q=0, *", "*;q=0", "gzipped", "gzip;q=x", "gzip;q=NaN"]
        {
            assert!(!is_gzip_accepted([refused].into_iter()), "{refused}");
        }
    }
}
