//! Tables as the reference implementation reads them: bytes between commas and line feeds, without quotes.

use std::path::{Path, PathBuf};

use symbolon_ring::Field;

use super::settings::LrTask;
use crate::error::{Error, Place, Result};
use crate::output::{Access, write_atomically};
use crate::standardize::Feature;

/// A table with a header line, for an intersection. Its lines are kept as they are.
pub(super) struct Lines {
    header: Vec<u8>,
    lines: Vec<Vec<u8>>,
    /// The id of every line: its fields, without ASCII white space around each, joined by commas.
    pub(super) ids: Vec<Vec<u8>>,
}

impl Lines {
    /// Reads `path` with the columns `fields` as id.
    ///
    /// # Errors
    /// [`Error::OurFile`]; [`Error::OurTable`] naming line and column of what the reference would refuse too,
    /// and of an empty id.
    pub(super) fn read(path: &Path, fields: &[String]) -> Result<Self> {
        let bytes = read(path)?;
        let mut lines = split(&bytes).map(<[u8]>::to_vec);
        let header = lines.next().unwrap_or_default();
        if header.starts_with(b"\xEF\xBB\xBF") {
            return Err(wrong(path, 1, None, "the file begins with a byte order mark: save it without"));
        }
        let names: Vec<String> = header
            .split(|byte| *byte == b',')
            .map(|name| String::from_utf8_lossy(trim(name)).into_owned())
            .collect();
        for (position, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(wrong(path, 1, None, "a column has no name"));
            }
            if names.iter().take(position).any(|other| other == name) {
                return Err(wrong(path, 1, Some(name), "two columns have this name"));
            }
        }
        let mut columns = Vec::new();
        for field in fields {
            let column = names.iter().position(|name| name == field).ok_or_else(|| {
                wrong(
                    path,
                    1,
                    Some(field),
                    &format!("there is no such column; -field_names must be of {}", names.join(",")),
                )
            })?;
            columns.push((column, field));
        }
        let lines: Vec<Vec<u8>> = lines.collect();
        let mut ids = Vec::with_capacity(lines.len());
        for (row, line) in lines.iter().enumerate() {
            let tokens: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
            if tokens.len() != names.len() {
                let problem =
                    format!("{} fields, but the header names {} columns", tokens.len(), names.len());
                return Err(wrong(path, row + 2, None, &problem));
            }
            let mut id = Vec::new();
            for (position, (column, name)) in columns.iter().enumerate() {
                let token = tokens.get(*column).map(|token| trim(token)).unwrap_or_default();
                if token.is_empty() {
                    return Err(wrong(path, row + 2, Some(name), "the id is empty"));
                }
                if position > 0 {
                    id.push(b',');
                }
                id.extend_from_slice(token);
            }
            ids.push(id);
        }
        Ok(Self { header, lines, ids })
    }

    /// Writes the header and the given rows as they were read, whole or not at all.
    ///
    /// # Errors
    /// [`Error::OurFile`].
    pub(super) fn write(&self, path: &Path, rows: &[usize]) -> Result<()> {
        write_atomically(path, Access::Shared, |file| {
            let lines = rows.iter().filter_map(|row| self.lines.get(*row));
            std::iter::once(&self.header)
                .chain(lines)
                .try_for_each(|line| file.write_all(line).and_then(|()| file.write_all(b"\n")))
                .map_err(|source| Error::file("write", path, source))
        })
    }
}

/// A table of numbers for a regression, without ids.
pub(super) struct Numbers {
    path: PathBuf,
    /// The line of each row in the file.
    lines: Vec<usize>,
    /// The feature columns. Their names are those of the last skipped line, if it has as many fields;
    /// otherwise x1, x2, ….
    pub(super) features: Vec<Feature>,
    /// The features, row-major.
    pub(super) values: Vec<f32>,
    /// The last column, if it is the label.
    pub(super) labels: Option<Vec<f32>>,
}

impl Numbers {
    /// Reads the table of `task`.
    ///
    /// Lines that are empty or begin with `#` are passed over.
    ///
    /// # Errors
    /// [`Error::OurFile`]; [`Error::OurTable`] naming line and column of the first field that is not a finite
    /// number, or the first row that is longer or shorter than the others.
    pub(super) fn read(task: &LrTask) -> Result<Self> {
        let path = task.input.as_path();
        let bytes = read(path)?;
        let skipped: Vec<&[u8]> = split(&bytes).take(task.skip_rows).collect();
        let mut table = Self {
            path: path.to_owned(),
            lines: Vec::new(),
            features: Vec::new(),
            values: Vec::new(),
            labels: task.has_label.then(Vec::new),
        };
        let mut width = 0;
        for (at, line) in split(&bytes).enumerate().skip(task.skip_rows) {
            if trim(line).is_empty() || line.starts_with(b"#") {
                continue;
            }
            let line_number = at + 1;
            let fields = line.split(|byte| *byte == b',').count();
            if table.lines.is_empty() {
                width = fields;
            } else if fields != width {
                let problem = format!("{fields} fields, but {width} in the rows above");
                return Err(wrong(path, line_number, None, &problem));
            }
            for (column, field) in line.split(|byte| *byte == b',').enumerate() {
                let number = std::str::from_utf8(trim(field)).ok().and_then(|text| text.parse::<f32>().ok());
                let Some(number) = number.filter(|number| number.is_finite()) else {
                    let problem = "not a finite number; lines at the head are passed over with -skip_rows";
                    return Err(wrong(path, line_number, Some(&position(column)), problem));
                };
                match &mut table.labels {
                    Some(labels) if column + 1 == width => labels.push(number),
                    _ => table.values.push(number),
                }
            }
            table.lines.push(line_number);
        }
        if table.lines.is_empty() {
            return Err(Error::table(
                path,
                format!("there is no row after the {} skipped lines", task.skip_rows),
            ));
        }
        let own = width - usize::from(task.has_label);
        if own == 0 {
            return Err(Error::table(
                path,
                "there is no column besides the label: each party needs at least one",
            ));
        }
        table.features = names(skipped.last().copied(), width)
            .into_iter()
            .take(own)
            .map(|name| Feature { name, mean: 0.0, deviation: 1.0 })
            .collect();
        Ok(table)
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.lines.len()
    }

    /// How many labels are neither 0 nor 1.
    pub(super) fn odd_labels(&self) -> usize {
        self.labels.iter().flatten().filter(|label| **label != 0.0 && **label != 1.0).count()
    }

    /// Checks that every number fits the ring.
    ///
    /// # Errors
    /// [`Error::OurTable`] naming line and column of the first that does not.
    pub(super) fn check_range(&self, field: Field, fraction_bits: u32) -> Result<()> {
        // What fixed-point encoding accepts: |x| · 2^f < 2^(k-2).
        let exponent = field.bits().saturating_sub(2).saturating_sub(fraction_bits);
        let limit = 2.0_f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX));
        let fits = |value: &f32| f64::from(*value).abs() < limit;
        let width = self.features.len().max(1);
        let found = match self.values.iter().position(|value| !fits(value)) {
            Some(at) => Some((at / width, at % width)),
            None => {
                let label = self.labels.iter().flatten().position(|value| !fits(value));
                label.map(|row| (row, self.features.len()))
            }
        };
        let Some((row, column)) = found else { return Ok(()) };
        let problem = format!(
            "the value is out of range: with {fraction_bits} fraction bits in ring {} magnitudes must be below \
             2^{exponent}",
            field.bits()
        );
        Err(wrong(
            &self.path,
            self.lines.get(row).copied().unwrap_or_default(),
            Some(&position(column)),
            &problem,
        ))
    }
}

fn names(header: Option<&[u8]>, width: usize) -> Vec<String> {
    let named: Vec<String> = header
        .and_then(|line| std::str::from_utf8(line).ok())
        .map(|line| line.split(',').map(|name| name.trim().to_owned()).collect())
        .unwrap_or_default();
    let distinct: std::collections::BTreeSet<&String> = named.iter().collect();
    if named.len() == width && distinct.len() == width && named.iter().all(|name| !name.is_empty()) {
        return named;
    }
    (1..=width).map(|column| format!("x{column}")).collect()
}

fn position(column: usize) -> String {
    format!("number {}", column + 1)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::file("read", path, source))
}

/// The lines of a file, without their line feeds.
fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.split(|byte| *byte == b'\n')
}

/// Without ASCII white space at both ends, the vertical tab included.
fn trim(bytes: &[u8]) -> &[u8] {
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0B;
    let start = bytes.iter().position(|byte| !space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !space(byte)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

fn wrong(path: &Path, line: usize, column: Option<&str>, problem: &str) -> Error {
    Error::at(path, u64::try_from(line).ok().map(Place::Line), column, problem)
}

#[cfg(test)]
mod tests {
    use super::super::flags::Flags;
    use super::super::settings::{Settings, Task};
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn lines(content: &[u8], fields: &[&str]) -> Result<Lines> {
        let (_folder, path) = file(content);
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        Lines::read(&path, &fields)
    }

    #[test]
    fn ids_lose_their_white_space_and_lines_keep_it() {
        let table = lines(b"id, n \r\npad-1  ,1\r\n\xFF inner x,\t2", &["id"]).unwrap();
        assert_eq!(table.ids, [b"pad-1".to_vec(), b"\xFF inner x".to_vec()]);
        let both = lines(b"id, n \r\npad-1  ,1\r\n\xFF inner x,\t2", &["n", "id"]).unwrap();
        assert_eq!(both.ids[0], b"1,pad-1");
        let (folder, _) = file(b"");
        let out = folder.path().join("sub/out.csv");
        table.write(&out, &[1]).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), b"id, n \r\n\xFF inner x,\t2\n");
        table.write(&out, &[]).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), b"id, n \r\n");
        assert_eq!(lines(b"id\n", &["id"]).unwrap().ids.len(), 0);
    }

    #[test]
    fn tables_that_the_reference_refuses_are_refused() {
        for (content, fields, named) in [
            (&b"\xEF\xBB\xBFid\na\n"[..], "id", "byte order mark"),
            (b"id,id\na,b\n", "id", "two columns"),
            (b"id,\na,b\n", "id", "no name"),
            (b"id\na\n", "uid", "column `uid`"),
            (b"id\na\n\nb\n", "id", "line 3, column `id`: the id is empty"),
            (b"id,x\na,1\nb\n", "id", "line 3: 1 fields"),
            (b"id,x\n  ,1\n", "id", "line 2"),
        ] {
            let error = lines(content, &[fields]).err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    fn numbers(content: &[u8], more: &str) -> Result<Numbers> {
        let (_folder, path) = file(content);
        let line = format!("-algo=SS_LR|-protocol_families=ss|-use_ttp|-dataset={}|{more}", path.display());
        let arguments: Vec<String> =
            line.split('|').filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let flags = Flags::parse(&arguments).unwrap().unwrap();
        let Task::Lr(task) = Settings::new(flags, &Default::default()).unwrap().task else {
            panic!("another task")
        };
        let table = Numbers::read(&task)?;
        table.check_range(task.field, task.fraction_bits)?;
        Ok(table)
    }

    #[test]
    fn numbers_are_read_with_and_without_a_header() {
        let table = numbers(b"a,b,y\r\n1, 2e-1,0\r\n\r\n# no row\n3,-4,1\r\n", "-has_label").unwrap();
        assert_eq!((table.rows(), table.values.as_slice()), (2, &[1.0, 0.2, 3.0, -4.0][..]));
        assert_eq!(table.labels.as_deref(), Some(&[0.0, 1.0][..]));
        let names: Vec<&str> = table.features.iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!((names, table.odd_labels()), (vec!["a", "b"], 0));
        let table = numbers(b"1,2\n3,4\n", "-skip_rows=0").unwrap();
        assert_eq!((table.rows(), table.features[1].name.as_str(), table.labels), (2, "x2", None));
        assert_eq!(numbers(b"a,y\n1,2\n", "-has_label").unwrap().odd_labels(), 1);
    }

    #[test]
    fn wrong_numbers_are_named_by_line_and_column() {
        for (content, more, named) in [
            (&b"a,b\n1,2\n3,x\n"[..], "", "line 3, column `number 2`"),
            (b"a,b\n1,2\n", "-skip_rows=0", "line 1, column `number 1`"),
            (b"a,b\n1,nan\n", "", "line 2, column `number 2`"),
            (b"a,b\n1,2\n\n3\n", "", "line 4: 1 fields"),
            (b"a,b\n1,2,\n", "", "line 2, column `number 3`"),
            (b"a,b\n", "", "no row"),
            (b"y\n1\n", "-has_label", "besides the label"),
            (b"a,b\n1,2\n3,1e18\n", "", "line 3, column `number 2`: the value is out of range"),
            (b"a,y\n1,2\n3,1e18\n", "-has_label", "line 3, column `number 2`: the value is out of range"),
        ] {
            let error = numbers(content, more).err().unwrap().to_string();
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
