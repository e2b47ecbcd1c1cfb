//! Tools of others that tests are made with: Python packages and Node packages, pinned, and Chromium.
//!
//! Each set is installed once under the target folder, from its language's own index. What is missing on
//! the machine is named with its remedy; nothing is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with the packages of `tests/FOLDER/requirements.txt`, made once.
pub fn python(folder: &str) -> PathBuf {
    let requirements = format!("{}/{folder}/requirements.txt", env!("CARGO_MANIFEST_DIR"));
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let python = made.join("bin/python");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let installed = made.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|have| have == wanted) {
        return python;
    }
    run(
        Command::new("python3").args(["-m", "venv"]).arg(&made),
        "python3 with its venv module is needed: `make tools`, or `apt-get install python3-venv`",
    );
    run(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["-r", &requirements]),
        "the packages of a requirements.txt cannot be installed: pip needs its package index",
    );
    std::fs::write(installed, wanted).unwrap();
    python
}

/// A folder with the Node packages of `tests/FOLDER/package.json`, made once.
pub fn node_packages(folder: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let wanted = std::fs::read_to_string(from.join("package-lock.json")).unwrap();
    let installed = made.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|have| have == wanted) {
        return made;
    }
    std::fs::create_dir_all(&made).unwrap();
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(from.join(file), made.join(file)).unwrap();
    }
    run(
        Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
            ])
            .current_dir(&made),
        "node and npm are needed, and npm its registry: `make tools`, or `apt-get install nodejs npm`",
    );
    std::fs::write(installed, wanted).unwrap();
    made
}

/// The browser of the machine.
pub fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file())
        .expect("a Chromium is needed: `make tools`, or `apt-get install chromium`")
}

/// Runs a command to its good end, and gives what it wrote.
pub fn run(command: &mut Command, remedy: &str) -> Vec<u8> {
    match command.output() {
        Ok(output) if output.status.success() => output.stdout,
        Ok(output) => panic!(
            "{remedy}\n{command:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("{remedy}\n{command:?}: {error}"),
    }
}
