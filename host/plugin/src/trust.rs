//! Whether the operator lets a file in: by a pin, by an approval, by a signature.
//!
//! Judged from the bytes, their hash and their imports, before anything of them is compiled or run.
//! What the binary carries is trusted as the binary is, so nobody asks here about it. Deliberately
//! absent: where approvals, signatures and keys are kept; and any judgement of what a plugin does.

use crate::error::{Rejection, Stage};
use crate::file::is_harmless;
use fillsync_core::id::PluginName;
use minisign_verify::{PublicKey, Signature};

/// How much of a signature's file is read; minisign writes some 300 bytes.
pub const SIGNATURE_BYTES_MAX: usize = 4096;

/// What the operator demands of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// The SHA-256 that the configuration pins, in hex. A pinned file needs no approval besides.
    pub pin: Option<String>,
    /// What every file needs.
    pub demand: Demand,
}

/// What every file needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Demand {
    /// Nothing.
    #[default]
    Nothing,
    /// An approval of its content and its imports.
    Approval {
        /// Those of this name.
        approvals: Vec<Approval>,
    },
    /// A signature by one of these keys.
    Signature {
        /// Public keys of minisign, as its `.pub` file has them in its second line.
        keys: Vec<String>,
        /// The file `NAME.wasm.minisig`, if there is one.
        signature: Option<Vec<u8>>,
        /// The name of the file that it must be about.
        file: String,
    },
}

/// One content that the operator approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Of the file, in hex.
    pub sha256: String,
    /// What it may import, as the component names it.
    pub imports: Vec<String>,
}

/// What is to be judged.
pub(crate) struct Claim<'a> {
    pub(crate) name: &'a PluginName,
    pub(crate) bytes: &'a [u8],
    pub(crate) sha256: &'a str,
    pub(crate) imports: &'a [String],
}

/// What becomes of a claim that is not trusted.
#[derive(Debug)]
pub(crate) enum Distrust {
    /// It waits for the operator's word.
    Hold(Rejection),
    /// It is refused.
    Refuse(Rejection),
}

impl Trust {
    /// Whether a file is let in under a name. Nothing of it is compiled or run.
    ///
    /// # Errors
    /// Why not, and what would let it in.
    pub fn permits(&self, name: &PluginName, bytes: &[u8]) -> Result<(), Rejection> {
        let imports = crate::file::imports(bytes)?;
        let claim = Claim {
            name,
            bytes,
            sha256: &crate::loaded::sha256(bytes),
            imports: &imports,
        };
        self.judge(&claim).map_err(|distrust| match distrust {
            Distrust::Hold(why) | Distrust::Refuse(why) => why,
        })
    }

    /// Judges a file.
    pub(crate) fn judge(&self, claim: &Claim<'_>) -> Result<(), Distrust> {
        if let Some(pin) = &self.pin
            && pin != claim.sha256
        {
            let cause = format!(
                "its SHA-256 is {}, but the configuration pins {pin}",
                claim.sha256
            );
            let hint =
                "put back the pinned file, or set the pin to the new hash after looking at it";
            return Err(Distrust::Refuse(
                Rejection::new(Stage::Trust, cause).hint(hint),
            ));
        }
        match &self.demand {
            Demand::Nothing => Ok(()),
            Demand::Approval { .. } if self.pin.is_some() => Ok(()),
            Demand::Approval { approvals } => approved(approvals, claim).map_err(Distrust::Hold),
            Demand::Signature {
                keys,
                signature,
                file,
            } => signed(keys, signature.as_deref(), file, claim.bytes).map_err(Distrust::Refuse),
        }
    }
}

fn approved(approvals: &[Approval], claim: &Claim<'_>) -> Result<(), Rejection> {
    let hint = format!(
        "look at it, then `fillsync plugin approve {}`; a running daemon takes it up",
        claim.name
    );
    let hold = |cause: String| Err(Rejection::new(Stage::Trust, cause).hint(hint.clone()));
    let of_content = approvals
        .iter()
        .find(|approval| approval.sha256 == claim.sha256);
    let Some(approval) = of_content else {
        let Some(latest) = approvals.last() else {
            return hold(format!("nobody approved it (SHA-256 {})", claim.sha256));
        };
        let mut cause = format!(
            "its content is not what was approved: its SHA-256 is {}, approved is {}",
            claim.sha256, latest.sha256
        );
        let more = beyond(claim.imports, &latest.imports);
        if !more.is_empty() {
            cause.push_str(&format!(
                "; it wants more than that one: {}",
                more.join(", ")
            ));
        }
        return hold(cause);
    };
    let more = beyond(claim.imports, &approval.imports);
    if more.is_empty() {
        return Ok(());
    }
    hold(format!(
        "it wants more than was approved: {}",
        more.join(", ")
    ))
}

/// What is imported and not approved; names of types and the log are no wish.
fn beyond(imports: &[String], approved: &[String]) -> Vec<String> {
    imports
        .iter()
        .filter(|import| !approved.contains(import) && !is_harmless(import))
        .cloned()
        .collect()
}

fn signed(
    keys: &[String],
    signature: Option<&[u8]>,
    file: &str,
    bytes: &[u8],
) -> Result<(), Rejection> {
    let refuse = |cause: String, hint: String| Err(Rejection::new(Stage::Trust, cause).hint(hint));
    let sign_it = || format!("sign it with `minisign -Sm {file}` and put {file}.minisig beside it");
    let Some(signature) = signature else {
        return refuse(
            format!("it is not signed: there is no {file}.minisig"),
            sign_it(),
        );
    };
    let text = std::str::from_utf8(signature).ok();
    let Some(signature) = text.and_then(|text| Signature::decode(text).ok()) else {
        return refuse(
            format!("{file}.minisig is no signature of minisign"),
            sign_it(),
        );
    };
    // A signature that says which file it is about must not stand for another one: whoever can write
    // to the folder could give one signed plugin the name of another.
    let about = signature
        .trusted_comment()
        .split('\t')
        .find_map(|part| part.strip_prefix("file:"));
    if let Some(about) = about.filter(|about| *about != file) {
        return refuse(
            format!("its signature is about a file {about:?}, not {file:?}"),
            sign_it(),
        );
    }
    let mut unreadable = None;
    for key in keys {
        match PublicKey::from_base64(key) {
            Ok(key) if key.verify(bytes, &signature, false).is_ok() => return Ok(()),
            Ok(_) => {}
            Err(_) => unreadable = Some(key),
        }
    }
    if let Some(key) = unreadable {
        return refuse(
            format!("the key {key:?} in daemon.plugin_keys is no public key of minisign"),
            "copy the second line of its .pub file".to_owned(),
        );
    }
    refuse(
        "none of the keys in daemon.plugin_keys signed this content".to_owned(),
        format!("{}, or add its key after looking at whose it is", sign_it()),
    )
}
