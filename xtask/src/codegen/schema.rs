//! The descriptors compiled from `proto/`, held against `vectors/wire/schema.json`.

use std::{collections::BTreeSet, error::Error, fs};

use protox::prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use serde_json::{Map, Value};

/// Every fact of the descriptors, one line each.
fn compiled() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut facts = BTreeSet::new();
    for file in super::descriptors(&super::root())?.file {
        // The vector file has the interconnection protocol alone.
        if ["google.", "symbolon."].iter().any(|other| file.package().starts_with(other)) {
            continue;
        }
        let name = file.name();
        facts.insert(format!("{name} package {}", file.package()));
        for message in &file.message_type {
            facts.insert(format!("{name} message {}", message.name()));
            for field in &message.field {
                facts.insert(format!(
                    "{name} message {} field {}",
                    message.name(),
                    line(&file, message, field)
                ));
            }
        }
        for values in &file.enum_type {
            for value in &values.value {
                facts.insert(format!(
                    "{name} enum {} value {} {}",
                    values.name(),
                    value.number(),
                    value.name()
                ));
            }
        }
        for service in &file.service {
            for method in &service.method {
                let (input, output) = (&method.input_type()[1..], &method.output_type()[1..]);
                assert!(!method.client_streaming() && !method.server_streaming(), "{}", method.name());
                let call = format!("{}: {input} -> {output}", method.name());
                facts.insert(format!("{name} service {} method {call}", service.name()));
            }
        }
    }
    Ok(facts)
}

/// A field as the vector file writes it.
fn line(file: &FileDescriptorProto, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let entry = message.nested_type.iter().find(|nested| {
        let full = format!(".{}.{}.{}", file.package(), message.name(), nested.name());
        nested.options.as_ref().is_some_and(|options| options.map_entry()) && full == field.type_name()
    });
    let mut line = format!("{} {}: ", field.number(), field.name());
    match entry {
        Some(entry) => {
            let parts: Vec<String> = entry.field.iter().map(type_name).collect();
            line += &format!("map<{}>", parts.join(", "));
        }
        None => {
            if field.label() == Label::Repeated {
                line += "repeated ";
            }
            line += &type_name(field);
        }
    }
    assert!(!field.proto3_optional(), "{} has presence", field.name());
    if let Some(index) = field.oneof_index {
        let oneof = &message.oneof_decl[usize::try_from(index).expect("an index")];
        line += &format!(" (oneof {})", oneof.name());
    }
    line
}

fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_string(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    }
}

/// Every fact of the vector file, in the same words.
fn published() -> Result<BTreeSet<String>, Box<dyn Error>> {
    fn object(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        value.and_then(Value::as_object).unwrap_or(&NONE).iter()
    }
    fn lines(value: &Value) -> impl Iterator<Item = &str> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str)
    }
    let text = fs::read_to_string(super::root().join("vectors/wire/schema.json"))?;
    let schema: Value = serde_json::from_str(&text)?;
    let mut facts = BTreeSet::new();
    for (name, file) in object(schema.get("files")) {
        facts.insert(format!("{name} package {}", file["package"].as_str().unwrap_or_default()));
        for (message, fields) in object(file.get("messages")) {
            facts.insert(format!("{name} message {message}"));
            facts.extend(lines(fields).map(|line| format!("{name} message {message} field {line}")));
        }
        for (values, list) in object(file.get("enums")) {
            facts.extend(lines(list).map(|line| format!("{name} enum {values} value {line}")));
        }
        for (service, calls) in object(file.get("services")) {
            facts.extend(lines(calls).map(|line| format!("{name} service {service} method {line}")));
        }
    }
    Ok(facts)
}

#[test]
fn the_descriptors_equal_the_published_schema() {
    let (compiled, published) =
        (compiled().expect("proto/ compiles"), published().expect("the vector file reads"));
    let ours: Vec<_> = compiled.difference(&published).collect();
    let missing: Vec<_> = published.difference(&compiled).collect();
    assert!(ours.is_empty() && missing.is_empty(), "only in proto/: {ours:#?}\nonly published: {missing:#?}");
    assert!(published.len() > 300, "the vector file has {} facts", published.len());
}

#[test]
fn the_generated_code_is_current() {
    let root = super::root();
    let files = super::generate(&root).expect("proto/ compiles");
    let stale = super::stale(&root, &files).expect("the generated folders read");
    assert!(stale.is_empty(), "not current, run `cargo xtask codegen`: {stale:?}");
}

#[test]
fn no_message_type_is_left_out() {
    let files = super::generate(&super::root()).expect("proto/ compiles");
    let text: String = files.values().map(String::as_str).collect();
    for fact in published().expect("the vector file reads") {
        if let [_, "message", name] = fact.split(' ').collect::<Vec<_>>()[..] {
            assert!(text.contains(&format!("const NAME: &'static str = \"{name}\";")), "{name}");
        }
    }
}
