//! `/openapi.json`: the endpoints, their questions, answers and refusals, as OpenAPI 3.1.
//!
//! Written from the list that the server routes by ([`crate::endpoint`]) and from the types that it
//! serialises; there is no second description that could be forgotten.

use crate::answer::Refusal;
use crate::endpoint::{Described, Endpoint};
use crate::guard::INTENT_HEADER;
use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// What any endpoint may refuse, and why.
const REFUSALS: [(StatusCode, &str); 6] = [
    (
        StatusCode::BAD_REQUEST,
        "The question is wrong; the answer names the right one.",
    ),
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        "A body was announced that nobody reads.",
    ),
    (
        StatusCode::MISDIRECTED_REQUEST,
        "Without a token only this machine is answered, under its own name.",
    ),
    (
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The head is too large.",
    ),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "The ledger could not be read.",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Too busy, or stopping; ask again.",
    ),
];

/// The document.
pub(crate) fn document(endpoints: &[Endpoint], has_token: bool) -> String {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        })
        .into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let operation = operation(endpoint, has_token, &mut generator);
        let item = paths
            .entry(endpoint.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(item) = item.as_object_mut() {
            item.insert(endpoint.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "fillsync",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every fill of every account, once; counts that agree, and are true. \
                Amounts are exact: decimal strings, or numbers that were never a float.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    });
    if has_token
        && let Some(components) = document
            .pointer_mut("/components")
            .and_then(Value::as_object_mut)
    {
        components.insert(
            "securitySchemes".to_owned(),
            json!({ "token": { "type": "http", "scheme": "bearer", "description": "The value of daemon.api_token." } }),
        );
    }
    document.to_string()
}

fn operation(endpoint: &Endpoint, has_token: bool, generator: &mut SchemaGenerator) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    let mut refusals: Vec<(StatusCode, &'static str)> = REFUSALS.to_vec();
    if has_token && !endpoint.is_open {
        refusals.push((StatusCode::UNAUTHORIZED, "The token is missing or wrong."));
    }
    for (status, what) in refusals {
        let schema = generator.subschema_for::<Refusal>().to_value();
        let body = json!({ "application/json": { "schema": schema } });
        responses.insert(
            status.as_str().to_owned(),
            json!({ "description": what, "content": body }),
        );
    }
    // What the endpoint itself says of a status stands.
    for answer in &endpoint.answers {
        responses.insert(
            answer.status.as_str().to_owned(),
            response(answer, generator),
        );
    }
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.what,
        "parameters": parameters(endpoint),
        "responses": responses,
    });
    if has_token
        && !endpoint.is_open
        && let Some(operation) = operation.as_object_mut()
    {
        operation.insert("security".to_owned(), json!([{ "token": [] }]));
    }
    operation
}

fn response(answer: &Described, generator: &mut SchemaGenerator) -> Value {
    let schema = (answer.schema)(generator);
    // A status that is an answer of its own here may be the server's refusal as well.
    let schema = if REFUSALS.iter().any(|(status, _)| *status == answer.status) {
        let refusal = generator.subschema_for::<Refusal>().to_value();
        json!({ "anyOf": [schema, refusal] })
    } else {
        schema
    };
    json!({ "description": answer.what, "content": { (answer.content_type): { "schema": schema } } })
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let mut parameters: Vec<Value> = endpoint
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "in": "query",
                "required": false,
                "description": parameter.what,
                "schema": (parameter.schema)(),
            })
        })
        .collect();
    if endpoint.has_id {
        parameters.push(json!({
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The number of the row.",
            "schema": crate::question::place_schema(),
        }));
    }
    if endpoint.method != Method::GET {
        parameters.push(json!({
            "name": INTENT_HEADER,
            "in": "header",
            "required": true,
            "description": "Says that it is meant: no other page can make a browser send it.",
            "schema": { "type": "string", "enum": [crate::guard::INTENT] },
        }));
    }
    parameters
}

/// `getFills`, `getEventsStream`, `postOutboxSendAgain`.
fn operation_id(endpoint: &Endpoint) -> String {
    let mut id = endpoint.method.as_str().to_ascii_lowercase();
    let words = endpoint
        .path
        .split(['/', '.', '-'])
        .filter(|word| !word.is_empty() && !word.starts_with('{'));
    for word in words {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            id.extend(first.to_uppercase());
            id.push_str(letters.as_str());
        }
    }
    if endpoint.path == "/" {
        id.push_str("Dashboard");
    }
    id
}
