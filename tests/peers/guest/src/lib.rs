//! `max-count` as an Extism plugin: JSON in, JSON out, as its documentation shows.

use extism_pdk::{FnResult, Json, plugin_fn};
use serde::{Deserialize, Serialize};

/// What the rule needs of a view; the rest of the JSON is passed over.
#[derive(Deserialize)]
pub struct View {
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    account: String,
    role: String,
    detected: u32,
}

#[derive(Serialize)]
pub struct Shown {
    account: String,
    count: u32,
    note: Option<String>,
}

#[plugin_fn]
pub fn decide(Json(view): Json<View>) -> FnResult<Json<Vec<Shown>>> {
    let counts = |member: &&Member| member.role != "observer";
    let leader = view
        .members
        .iter()
        .filter(counts)
        .max_by(|a, b| (a.detected, &b.account).cmp(&(b.detected, &a.account)));
    let shown = view
        .members
        .iter()
        .map(|member| match leader {
            Some(leader) if counts(&member) && leader.detected > member.detected => Shown {
                account: member.account.clone(),
                count: leader.detected,
                note: Some(format!("{} has {}", leader.account, leader.detected)),
            },
            _ => Shown {
                account: member.account.clone(),
                count: member.detected,
                note: None,
            },
        })
        .collect();
    Ok(Json(shown))
}
