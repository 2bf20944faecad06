//! Message types and service stubs from `proto/`, without protoc.
//!
//! Messages go to `crates/wire/src/generated`, the gRPC clients and servers to
//! `crates/grpc/src/generated`, which names the message types of `symbolon-wire`. Both are checked in;
//! `--check` and a test say whether they are current, byte for byte. This chore depends on nothing that is
//! generated: `cargo run -p xtask --no-default-features -- codegen` works even when the workspace does not build.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use prost_build::Module;
use protox::prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};

#[cfg(test)]
mod schema;

const MESSAGES: &str = "crates/wire/src/generated";
const STUBS: &str = "crates/grpc/src/generated";
/// Messages that carry seeds, shares or masked points: `symbolon-wire` formats them without these.
const SECRET: [&str; 4] = [
    ".org.interconnection.link.PushRequest",
    ".org.interconnection.v2.runtime.EcdhPsiCipherBatch",
    ".org.interconnection.v2.service.CreateSessionRequest",
    ".org.interconnection.v2.service.AdjustResponse",
];
const HEADER: &str = "// @generated from proto/ by `cargo xtask codegen`.\n";

/// Renew the generated message types and service stubs.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a checked-in file is not current.
    #[arg(long)]
    check: bool,
}

/// Generates, then writes or checks.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let root = root();
    let files = generate(&root)?;
    if arguments.check {
        let stale = stale(&root, &files)?;
        if !stale.is_empty() {
            return Err(format!("not current, run `cargo xtask codegen`: {}", stale.join(", ")).into());
        }
        return Ok(());
    }
    for folder in [MESSAGES, STUBS] {
        fs::create_dir_all(root.join(folder))?;
    }
    for path in surplus(&root, &files)? {
        fs::remove_file(root.join(path))?;
    }
    for (path, text) in &files {
        fs::write(root.join(path), text)?;
    }
    Ok(())
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Descriptors of every file under `proto/`, their imports first, in a stable order.
fn descriptors(root: &Path) -> Result<FileDescriptorSet, Box<dyn Error>> {
    let include = root.join("proto");
    let mut sources = Vec::new();
    walk(&include, &mut sources)?;
    let mut set = protox::Compiler::new([&include])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(sources)?
        .file_descriptor_set();
    for file in &mut set.file {
        if file.package().starts_with("google.") {
            file.source_code_info = None;
        }
    }
    Ok(set)
}

/// Every `.proto` file below `folder`, sorted.
fn walk(folder: &Path, sources: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            sources.push(path);
        }
    }
    Ok(())
}

/// Every generated file: path from the workspace root, and text.
fn generate(root: &Path) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let set = descriptors(root)?;
    let mut files = BTreeMap::new();
    collect(
        MESSAGES,
        messages(&set.file)?,
        "The messages of `proto/`, one module for each package.",
        &mut files,
    );
    collect(STUBS, stubs(&set.file)?, "The services of `proto/`, one module for each package.", &mut files);
    Ok(files)
}

/// Message types: `bytes` fields as `Bytes`, maps ordered (so that encoding is a function of the value).
fn messages(files: &[FileDescriptorProto]) -> std::io::Result<BTreeMap<String, String>> {
    let mut config = prost_build::Config::new();
    config.bytes(["."]).btree_map(["."]).compile_well_known_types().enable_type_names();
    config.type_name_domain(["."], "type.googleapis.com");
    config.skip_debug(SECRET);
    render(&mut config, files.iter().map(|file| FileDescriptorProto { service: vec![], ..file.clone() }))
}

/// Clients and servers of the services; their messages are those of `symbolon-wire`.
fn stubs(files: &[FileDescriptorProto]) -> std::io::Result<BTreeMap<String, String>> {
    let mut config = prost_build::Config::new();
    config.extern_path(".org.interconnection", "::symbolon_wire::org::interconnection");
    config.service_generator(tonic_prost_build::configure().service_generator());
    render(&mut config, files.iter().filter(|file| !file.service.is_empty()).cloned())
}

/// Generated text for each package.
fn render(
    config: &mut prost_build::Config,
    files: impl Iterator<Item = FileDescriptorProto>,
) -> std::io::Result<BTreeMap<String, String>> {
    let requests = files.map(|file| (Module::from_protobuf_package_name(file.package()), file)).collect();
    let modules = config.generate(requests)?;
    Ok(modules
        .into_iter()
        .map(|(module, text)| (module.parts().collect::<Vec<_>>().join("."), text))
        .collect())
}

/// Adds the file of each package and the `mod.rs` that nests them.
fn collect(
    folder: &str,
    packages: BTreeMap<String, String>,
    title: &str,
    files: &mut BTreeMap<String, String>,
) {
    let mut index = format!("{HEADER}//! {title}\n");
    let mut open: Vec<&str> = Vec::new();
    for package in packages.keys() {
        let parts: Vec<&str> = package.split('.').collect();
        while !parts.starts_with(&open) {
            open.pop();
            index += &format!("{}}}\n", "    ".repeat(open.len()));
        }
        for part in &parts[open.len()..] {
            index += &format!("{}pub mod {part} {{\n", "    ".repeat(open.len()));
            open.push(part);
        }
        index += &format!("{}include!(\"{package}.rs\");\n", "    ".repeat(open.len()));
    }
    while open.pop().is_some() {
        index += &format!("{}}}\n", "    ".repeat(open.len()));
    }
    files.insert(format!("{folder}/mod.rs"), index);
    for (package, text) in packages {
        files.insert(format!("{folder}/{package}.rs"), format!("{HEADER}{text}"));
    }
}

/// Files in the generated folders that are not generated any more.
fn surplus(root: &Path, files: &BTreeMap<String, String>) -> std::io::Result<Vec<String>> {
    let mut surplus = Vec::new();
    for folder in [MESSAGES, STUBS] {
        let path = root.join(folder);
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
                if !files.contains_key(&path) {
                    surplus.push(path);
                }
            }
        }
    }
    Ok(surplus)
}

/// Checked-in files that differ from the generated ones, are missing or surplus.
fn stale(root: &Path, files: &BTreeMap<String, String>) -> std::io::Result<Vec<String>> {
    let mut stale = surplus(root, files)?;
    for (path, text) in files {
        if fs::read_to_string(root.join(path)).ok().as_ref() != Some(text) {
            stale.push(path.clone());
        }
    }
    Ok(stale)
}
