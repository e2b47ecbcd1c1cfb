//! `/openapi.json` says what the server does: every answer is held against its schema.

use super::client::{Daemon, Server};
use crate::{Limits, paths};
use serde_json::{Value, json};

async fn document(server: &Server) -> Value {
    let reply = server.get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    reply.json()
}

/// What of a value is not as a schema says. It knows as much of JSON Schema as stands in the document, and
/// a word that it does not know fails the test: nothing is taken for granted.
fn wrong(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(words) = schema.as_object() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (word, says) in words {
        let is_so = match word.as_str() {
            "$ref" => {
                let place = says.as_str().unwrap().trim_start_matches('#');
                let named = document.pointer(place).unwrap();
                found.extend(wrong(document, named, value, at));
                true
            }
            "anyOf" | "oneOf" => {
                let mut ways = says.as_array().unwrap().iter();
                ways.any(|way| wrong(document, way, value, at).is_empty())
            }
            "type" => match says {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            },
            "enum" => says.as_array().unwrap().contains(value),
            "const" => says == value,
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= says.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= says.as_f64().unwrap()),
            "required" => value.as_object().is_none_or(|fields| {
                let mut names = says.as_array().unwrap().iter();
                names.all(|name| fields.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, of) in says.as_object().unwrap() {
                    if let Some(field) = value.get(name) {
                        found.extend(wrong(document, of, field, &format!("{at}/{name}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                for (name, field) in value.as_object().into_iter().flatten() {
                    if known.get(name).is_none() {
                        found.extend(wrong(document, says, field, &format!("{at}/{name}")));
                    }
                }
                says != false || found.is_empty()
            }
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(wrong(document, says, item, &format!("{at}/{place}")));
                }
                true
            }
            "description" | "title" | "format" | "default" => true,
            unknown => panic!("{at}: a schema says {unknown}, which this test does not know"),
        };
        if !is_so {
            found.push(format!("{at}: {value} is not as {word} {says} says"));
        }
    }
    found
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("there is no type {unknown}"),
    }
}

fn schema_of<'a>(document: &'a Value, path: &str, status: &str, content_type: &str) -> &'a Value {
    let content = &document["paths"][path]["get"]["responses"][status]["content"];
    let schema = &content[content_type]["schema"];
    assert!(schema.is_object(), "{path} {status}: {content}");
    schema
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let server = Server::start().await;
    let document = document(&server).await;
    let described = document["paths"].as_object().unwrap();
    for path in paths() {
        assert!(
            described[path]["get"].is_object(),
            "{path} is not described"
        );
    }
    for (path, item) in described {
        for (method, operation) in item.as_object().unwrap() {
            let asked = path.replace("{id}", "1");
            let reply = match method.as_str() {
                "get" if path == "/events/stream" => continue,
                "get" => server.get(&asked).await,
                _ => server.post_with(&asked, "X-Fillsync-Intent: act\r\n").await,
            };
            assert_ne!(reply.status, 405, "{method} {path}");
            let known = operation["responses"].get(reply.status.to_string());
            assert!(known.is_some(), "{method} {path}: {reply:?}");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|what| !what.is_empty())
            );
            for parameter in operation["parameters"].as_array().unwrap() {
                assert!(
                    parameter["description"]
                        .as_str()
                        .is_some_and(|what| !what.is_empty())
                );
                assert!(parameter["schema"].is_object());
            }
        }
    }
    let ids: std::collections::BTreeSet<_> = described
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let count: usize = described
        .values()
        .map(|item| item.as_object().unwrap().len())
        .sum();
    assert_eq!(ids.len(), count, "{ids:?}");
}

#[tokio::test]
async fn every_answer_is_as_its_schema_says() {
    let server = Server::start().await;
    let document = document(&server).await;
    for path in paths() {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"];
        if content.get("application/json").is_none() || path == "/openapi.json" {
            continue;
        }
        let answer = server.get(path).await.json();
        let schema = schema_of(&document, path, "200", "application/json");
        let errors = wrong(&document, schema, &answer, path);
        assert!(errors.is_empty(), "{errors:#?}\n{answer:#}");
        // A schema that takes anything would prove nothing.
        let nonsense = json!({ "timestamp": 1 });
        assert!(
            !wrong(&document, schema, &nonsense, path).is_empty(),
            "{path}"
        );
    }
    for (path, status) in [("/fills?limt=1", "400"), ("/fills?group=nosuch", "404")] {
        let refusal = server.get(path).await.json();
        let schema = schema_of(&document, "/fills", status, "application/json");
        assert_eq!(wrong(&document, schema, &refusal, path), [""; 0]);
    }
    let ill = Daemon {
        reasons: vec!["account main: silent".to_owned()],
        ..Daemon::WELL
    };
    let server = Server::with(None, Limits::default(), ill).await;
    let answer = server.get("/health").await.json();
    let schema = schema_of(&document, "/health", "503", "application/json");
    assert_eq!(wrong(&document, schema, &answer, "/health"), [""; 0]);
}

/// A token is asked for where the description says so, and nowhere else.
#[tokio::test]
async fn the_token_is_described_where_one_is_needed() {
    let token = "correct-horse-battery-staple";
    let server = Server::with(Some(token), Limits::default(), Daemon::WELL).await;
    let lines = format!("Authorization: Bearer {token}\r\n");
    let document = server.get_with("/openapi.json", &lines).await.json();
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("get") else {
            continue;
        };
        let is_open = operation.get("security").is_none();
        let status = server.get(path).await.status;
        assert_eq!(is_open, status != 401, "{path}: {status}");
    }
}
