//! The dashboard at `/`: plain files that are part of the binary, and nothing from elsewhere.
//!
//! They hold no data: what they show they ask for over the same endpoints as everybody, with the token
//! where one is set. So they are open, or nobody could sign in.

use crate::answer::{Refusal, typed};
use crate::endpoint::{Endpoint, text};
use axum::http::StatusCode;

/// Path, what it is, type, content.
const FILES: [(&str, &str, &str, &str); 8] = [
    (
        "/",
        "The dashboard.",
        HTML,
        include_str!("../dashboard/index.html"),
    ),
    (
        "/app.css",
        "Its looks.",
        CSS,
        include_str!("../dashboard/app.css"),
    ),
    (
        "/app.js",
        "Its beginning.",
        JAVASCRIPT,
        include_str!("../dashboard/app.js"),
    ),
    (
        "/app/ask.js",
        "How it asks and listens.",
        JAVASCRIPT,
        include_str!("../dashboard/ask.js"),
    ),
    (
        "/app/draw.js",
        "How it draws.",
        JAVASCRIPT,
        include_str!("../dashboard/draw.js"),
    ),
    (
        "/app/parts.js",
        "Its parts.",
        JAVASCRIPT,
        include_str!("../dashboard/parts.js"),
    ),
    (
        "/app/words.js",
        "Its words.",
        JAVASCRIPT,
        include_str!("../dashboard/words.js"),
    ),
    (
        "/app/icon.svg",
        "Its sign.",
        SVG,
        include_str!("../dashboard/icon.svg"),
    ),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One endpoint for each file.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    FILES
        .into_iter()
        .map(|(path, what, content_type, content)| {
            let endpoint = text(path, what, content_type, move |_, _| {
                std::future::ready(Ok::<_, Refusal>(typed(
                    StatusCode::OK,
                    content_type,
                    content.to_owned(),
                )))
            });
            endpoint.open()
        })
        .collect()
}
