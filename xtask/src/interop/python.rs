//! The private Python environment: CPython 3.11, SPU's wheel, and messages generated from `proto/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the scenarios' Python drivers run in.
pub(crate) struct Environment {
    repository: PathBuf,
    folder: PathBuf,
    python_version: String,
    spu_version: String,
}

const REQUIREMENTS: &str = include_str!("../../python/requirements.txt");

impl Environment {
    /// Makes the environment under `target/interop`, or takes the one that is there.
    ///
    /// # Errors
    /// No CPython 3.11, or a package that cannot be installed: what was tried, and what it said.
    pub(crate) fn prepare() -> Result<Self, String> {
        let mut environment = Self::without_python()?;
        environment.install()?;
        environment.generate()?;
        let told = output(Command::new(environment.python()).args([
            "-c",
            "import platform, importlib.metadata as m; print(platform.python_implementation(), \
             platform.python_version()); print(m.version('spu'))",
        ]))?;
        let mut lines = told.lines();
        environment.python_version = lines.next().unwrap_or_default().to_owned();
        environment.spu_version = lines.next().unwrap_or_default().to_owned();
        Ok(environment)
    }

    /// Folders only, for scenarios whose processes are all ours.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub(super) fn without_python() -> Result<Self, String> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let repository = repository.canonicalize().map_err(|error| format!("repository: {error}"))?;
        let folder = repository.join("target/interop");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { repository, folder, python_version: String::new(), spu_version: String::new() })
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    /// A command that runs `driver` of `xtask/python` with its configuration.
    pub(crate) fn driver(&self, driver: &str, configuration: &Value) -> Command {
        let mut command = Command::new(self.python());
        command.arg("-u").arg(self.repository.join("xtask/python").join(driver));
        command.env("PYTHONPATH", self.messages()).env("PYTHONDONTWRITEBYTECODE", "1");
        // The accelerator library that the wheel brings along looks for hardware otherwise.
        command.env("JAX_PLATFORMS", "cpu").arg(configuration.to_string());
        command
    }

    /// Where the generated messages are.
    pub(crate) fn messages(&self) -> PathBuf {
        self.folder.join("messages")
    }

    pub(crate) fn repository(&self) -> &Path {
        &self.repository
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn python_version(&self) -> &str {
        &self.python_version
    }

    pub(crate) fn spu_version(&self) -> &str {
        &self.spu_version
    }

    fn install(&self) -> Result<(), String> {
        let stamp = self.folder.join("venv/requirements.txt");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
            return Ok(());
        }
        let python = find()?;
        println!("installing {} for {}", summary(), python.display());
        let venv = self.folder.join("venv");
        output(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&venv))?;
        output(
            Command::new(self.python())
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(self.repository.join("xtask/python/requirements.txt")),
        )
        .map_err(|problem| format!("the wheel cannot be had: {problem}"))?;
        std::fs::write(&stamp, REQUIREMENTS).map_err(|error| format!("{}: {error}", stamp.display()))
    }

    /// Messages from the project's own definitions, as modules `interconnection.…`.
    fn generate(&self) -> Result<(), String> {
        let root = self.repository.join("proto");
        let mut files = Vec::new();
        collect(&root, &mut files)?;
        files.sort();
        let mut current = String::new();
        for file in &files {
            current.push_str(
                &std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
            );
        }
        let stamp = self.messages().join("definitions.txt");
        if std::fs::read_to_string(&stamp).is_ok_and(|generated| generated == current) {
            return Ok(());
        }
        std::fs::create_dir_all(self.messages()).map_err(|error| format!("messages: {error}"))?;
        output(
            Command::new(self.python())
                .args(["-m", "grpc_tools.protoc", "-I"])
                .arg(&root)
                .arg(format!("--python_out={}", self.messages().display()))
                .args(&files),
        )?;
        std::fs::write(&stamp, current).map_err(|error| format!("{}: {error}", stamp.display()))
    }
}

fn summary() -> String {
    let packages: Vec<_> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#')).collect();
    packages.join(", ")
}

/// A CPython 3.11.
fn find() -> Result<PathBuf, String> {
    let mut candidates = vec![PathBuf::from("python3.11"), PathBuf::from("python3")];
    let home = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    if let Some(versions) = home.and_then(|home| std::fs::read_dir(home.join("versions")).ok()) {
        candidates.extend(versions.flatten().map(|version| version.path().join("bin/python3.11")));
    }
    let is_wanted = |candidate: &PathBuf| {
        let version = "import sys, ensurepip; print(sys.implementation.name, *sys.version_info[:2])";
        output(Command::new(candidate).args(["-c", version])).is_ok_and(|said| said.trim() == "cpython 3 11")
    };
    candidates.into_iter().find(is_wanted).ok_or_else(|| {
        "no CPython 3.11 with venv: tried python3.11, python3 and pyenv's versions; SPU's wheel needs it"
            .into()
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// What a command writes; its complaints if it fails.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|error| format!("{name}: {error}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let last: Vec<_> = said.lines().rev().filter(|line| !line.is_empty()).take(4).collect();
    Err(format!("{name} failed: {}", last.into_iter().rev().collect::<Vec<_>>().join(" | ")))
}
