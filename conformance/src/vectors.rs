//! The lint of the vector files.
//!
//! Every file under `vectors/` names its format; the schema of that format is one of `vectors/schemas`. A file is in
//! order if its schema accepts it, if the flags of its tests are explained in its header, and if no other test
//! anywhere has the id of one of its tests. A schema that no file uses is an error as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::{Registry, Validator};
use serde_json::Value;

use crate::ConformanceError;

/// Folder of the schemas, in the folder of the vectors.
const SCHEMAS: &str = "schemas";

/// The schema that has only definitions for the others.
const COMMON: &str = "common.json";

/// Errors of one file that are reported; a file with one wrong line may have thousands.
const MOST_ERRORS: usize = 5;

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the folder of the vectors.
    pub file: PathBuf,
    /// What is wrong, and where in the file (a JSON pointer) if it is at one place.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.message)
    }
}

/// What the lint found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lint {
    /// The files that were looked at, from the folder of the vectors, sorted; without the schemas.
    pub files: Vec<PathBuf>,
    /// Tests in them that have an id.
    pub tests: usize,
    /// What is wrong with them.
    pub findings: Vec<Finding>,
}

impl Lint {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }

    fn note(&mut self, file: &Path, message: impl Into<String>) {
        self.findings.push(Finding { file: file.into(), message: message.into() });
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(f, "{} files, {} tests, {} findings", self.files.len(), self.tests, self.findings.len())
    }
}

/// Every JSON file under `folder` but the schemas, from `folder`, sorted.
///
/// # Errors
/// [`ConformanceError::File`] for a folder that cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, ConformanceError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).map_err(|error| unreadable(&current, &error))? {
            let path = entry.map_err(|error| unreadable(&current, &error))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path.strip_prefix(folder).unwrap_or(&path).to_path_buf());
            }
        }
    }
    found.retain(|path| !path.starts_with(SCHEMAS));
    found.sort();
    Ok(found)
}

/// Lints every file under `folder`, usually `vectors`.
///
/// # Errors
/// [`ConformanceError::File`] for a folder or schema that cannot be read, and for a schema that is none. What is wrong
/// with a vector file is a finding, not an error.
pub fn check(folder: &Path) -> Result<Lint, ConformanceError> {
    let documents = documents(&folder.join(SCHEMAS))?;
    let registry = registry(folder, &documents)?;
    let schemas = schemas(folder, &documents, &registry)?;
    let mut lint = Lint { files: files(folder)?, ..Lint::default() };
    let mut unused: BTreeSet<&str> = schemas.keys().map(String::as_str).collect();
    let mut ids = BTreeMap::new();
    for file in lint.files.clone() {
        let path = folder.join(&file);
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let document: Value = match serde_json::from_str(&text) {
            Ok(document) => document,
            Err(error) => {
                lint.note(&file, format!("not JSON: {error}"));
                continue;
            }
        };
        let format = document.pointer("/header/format").or(document.get("format")).and_then(Value::as_str);
        let Some(format) = format else {
            lint.note(&file, "names no format, neither in its header nor at its top");
            continue;
        };
        let Some(schema) = schemas.get(format) else {
            lint.note(&file, format!("no schema is for the format {format:?}"));
            continue;
        };
        unused.remove(format);
        for error in schema.iter_errors(&document).take(MOST_ERRORS) {
            let message: String = error.to_string().chars().take(300).collect();
            lint.note(&file, format!("{}: {message}", error.instance_path()));
        }
        check_tests(&file, &document, &mut ids, &mut lint);
    }
    for format in unused {
        lint.note(Path::new(SCHEMAS), format!("no file is of the format {format:?}"));
    }
    Ok(lint)
}

/// Ids and flags of the file's tests.
fn check_tests(file: &Path, document: &Value, ids: &mut BTreeMap<String, PathBuf>, lint: &mut Lint) {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let flags = document["header"]["flags"].as_object();
    let tests = list(document, "groups").iter().flat_map(|group| list(group, "tests")).collect::<Vec<_>>();
    let mut unused: BTreeSet<&String> = flags.iter().flat_map(|flags| flags.keys()).collect();
    let own = document.get("id").into_iter().chain(tests.iter().map(|test| &test["id"]));
    for id in own.filter_map(Value::as_str) {
        lint.tests += 1;
        if let Some(other) = ids.insert(id.to_owned(), file.into()) {
            lint.note(file, format!("the id {id:?} is in {} too", other.display()));
        }
    }
    for test in &tests {
        for flag in list(test, "flags").iter().filter_map(Value::as_str) {
            unused.remove(&flag.to_owned());
            if !flags.is_some_and(|flags| flags.contains_key(flag)) {
                lint.note(file, format!("{}: the header does not explain the flag {flag:?}", test["id"]));
            }
        }
    }
    for flag in unused {
        lint.note(file, format!("no test has the flag {flag:?} of the header"));
    }
}

fn unreadable(path: &Path, error: &dyn fmt::Display) -> ConformanceError {
    ConformanceError::File { path: path.into(), reason: error.to_string() }
}

/// The schemas by file name.
fn documents(folder: &Path) -> Result<BTreeMap<String, Value>, ConformanceError> {
    let mut documents = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let document = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        documents.insert(name, document);
    }
    Ok(documents)
}

/// Where schemas find what they refer to: the common one under its own address. Nothing is fetched.
fn registry<'a>(
    folder: &Path,
    documents: &'a BTreeMap<String, Value>,
) -> Result<Registry<'a>, ConformanceError> {
    let path = folder.join(SCHEMAS).join(COMMON);
    let common = documents.get(COMMON).ok_or_else(|| unreadable(&path, &"there is no such file"))?;
    let address = common["$id"].as_str().ok_or_else(|| unreadable(&path, &"it has no $id"))?;
    Registry::new()
        .add(address, common)
        .and_then(|registry| registry.prepare())
        .map_err(|error| unreadable(&path, &error))
}

/// A validator for each format.
fn schemas(
    folder: &Path,
    documents: &BTreeMap<String, Value>,
    registry: &Registry<'_>,
) -> Result<BTreeMap<String, Validator>, ConformanceError> {
    let mut schemas = BTreeMap::new();
    for (name, document) in documents.iter().filter(|(name, _)| *name != COMMON) {
        let path = folder.join(SCHEMAS).join(name);
        let of_header = "/properties/header/allOf/1/properties/format/const";
        let format = document.pointer(of_header).or(document.pointer("/properties/format/const"));
        let format =
            format.and_then(Value::as_str).ok_or_else(|| unreadable(&path, &"it names no format"))?;
        let schema = jsonschema::draft202012::options()
            .with_registry(registry)
            .offline()
            .build(document)
            .map_err(|error| unreadable(&path, &error))?;
        if schemas.insert(format.to_owned(), schema).is_some() {
            return Err(unreadable(&path, &"another schema is for the same format"));
        }
    }
    Ok(schemas)
}
