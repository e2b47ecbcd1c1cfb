//! placeholder
use std::path::PathBuf;
/// s
pub struct DemoSettings { /// e
 pub exit: bool, /// d
 pub dir: Option<PathBuf> }
/// p
/// # Errors
/// x
pub async fn play(_: DemoSettings) -> anyhow::Result<()> { Ok(()) }
