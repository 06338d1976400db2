use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{Array1, Array2, Array3, ShapeBuilder};
use ndarray_npy::write_npy;
use tempfile::TempDir;
use zktrain_model::manifest::{Feature, Loss, Manifest, Target};

use super::*;
use crate::synthetic;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn csv(text: &str) -> Result<Table, DatasetError> {
    let folder = folder();
    read_csv(&write(&folder, "data.csv", text.as_bytes()), "kind")
}

/// Two features `a` and `b`, classes `x` and `y`.
fn manifest() -> Manifest {
    let mut manifest = synthetic::draft(&[2, 2], 2, 1);
    manifest.data.label = "kind".into();
    manifest.data.classes = Some(vec!["x".into(), "y".into()]);
    manifest.data.uniform = None;
    let feature = |name: &str, offset, scale| Feature { name: name.into(), offset, scale };
    manifest.data.features = Some(vec![feature("a", 1.0, 0.5), feature("b", 0.0, -1.0)]);
    manifest
}

fn idx(dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|d| out.extend(d.to_be_bytes()));
    out.extend(bytes);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads what a manifest needs.
fn needed(text: &str, manifest: &Manifest) -> Result<Table, DatasetError> {
    let folder = folder();
    Source::Csv(write(&folder, "data.csv", text.as_bytes())).read_for(&manifest.data)
}

#[test]
fn csv_columns_are_found_by_name_and_brought_in_order() {
    let text = "b, kind ,extra,a\n1,x,9,3\n2.5,y,9,-1e2\n";
    assert_eq!(csv(text).unwrap().columns, ["b", "extra", "a"]);
    let table = needed(text, &manifest()).unwrap();
    assert_eq!((table.columns.as_slice(), table.rows()), (&["a".into(), "b".into()][..], 2));
    assert_eq!(table.features, [3.0, 1.0, -100.0, 2.5]);
    let scaled = table.scaled(&manifest()).unwrap();
    assert_eq!(scaled.inputs, [1.0, -1.0, -50.5, -2.5]);
    assert_eq!(scaled.labels, [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn csv_faults_are_named() {
    use DatasetError::*;
    assert!(matches!(csv("a,b\n1,2\n"), Err(MissingColumn { columns, there, .. })
        if columns == ["kind"] && there == ["a", "b"]));
    assert!(matches!(csv("a,a,kind\n"), Err(DuplicateColumn { column, .. }) if column == "a"));
    assert!(matches!(csv("a,kind\n"), Err(Empty { .. })));
    assert!(matches!(csv("kind\nx\n"), Err(NoFeatures { .. })));
    let ragged = csv("a,kind\n1,x\n1\n");
    assert!(matches!(ragged, Err(Ragged { line: 3, expected: 2, got: 1, .. })));
    for bad in ["", "one", "nan", "inf", "1,5"] {
        let error = csv(&format!("a,kind\n1,x\n\"{bad}\",x\n")).unwrap_err();
        assert!(matches!(&error, NotANumber { row: 2, column, .. } if column == "a"), "{error}");
        assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
    }
    assert!(matches!(csv("a,kind\n1,x\n1,\n"), Err(NoLabel { row: 2, .. })));
    assert!(matches!(read_csv(Path::new("/nonexistent"), "kind"), Err(Io { .. })));
    let missing = needed("a,kind\n1,x\n", &manifest());
    assert!(matches!(missing, Err(MissingColumn { columns, .. }) if columns == ["b"]));
    let table = csv("a,kind\n1,x\n").unwrap();
    assert!(matches!(table.scaled(&manifest()), Err(Count { expected: 2, got: 1, .. })));
    let table = csv("a,b,kind\n1,1,x\n1,1,z\n").unwrap();
    assert!(matches!(table.scaled(&manifest()), Err(UnknownClass { row: 2, .. })));
}

#[test]
fn columns_that_nobody_needs_may_hold_anything() {
    let text = "id,a,visit,b,,note,kind,,id\nP1,1,2024-01-01,2,0,\"fell, twice\nat home\",x,,\n\
                P2,3,,4,1,,y,,7\n";
    let table = needed(text, &manifest()).unwrap();
    assert_eq!(table.features, [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(table.labels, ["x", "y"]);
    // Those that are needed are not left out.
    let twice = needed("a,b,kind,b\n1,2,x,3\n", &manifest());
    assert!(matches!(twice, Err(DatasetError::DuplicateColumn { column, .. }) if column == "b"));
    let folder = folder();
    let source = Source::Csv(write(&folder, "data.csv", b"id,a,visit,kind\nP1,1,today,x\n"));
    let error = source.read("kind").unwrap_err();
    assert!(matches!(&error, DatasetError::NotANumber { row: 1, column, .. } if column == "id"));
    let table = source.read_without("kind", &["id".into(), "visit".into()]).unwrap();
    assert_eq!(
        (table.columns.as_slice(), table.features.as_slice()),
        (&["a".into()][..], &[1.0][..])
    );
    let seen = inspect(&source.look("kind").unwrap());
    let not_numbers: Vec<usize> = seen.columns.iter().map(|column| column.not_numbers).collect();
    assert_eq!((not_numbers, seen.columns[0].mean), (vec![1, 0, 1], None));
}

/// What is said about files that people have: what they look like, where they are wrong, and
/// nothing of what is in their cells.
#[test]
fn files_of_the_wild_are_told_what_is_wrong_with_them() {
    let said = |text: &[u8]| {
        let folder = folder();
        read_csv(&write(&folder, "data.csv", text), "kind").unwrap_err().to_string()
    };
    let utf16: Vec<u8> = "a,kind\n1,x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &utf16].concat();
    let cases: [(&[u8], &[&str]); 21] = [
        (b"", &["the file is empty"]),
        (b"\n\n", &["the file is empty"]),
        (b"a;b;kind\n1,5;2;x\n", &["is the separator ';'", "a;b;kind"]),
        (b"a\tkind\n1\tx\n", &["is the separator '\\t'"]),
        (b"dose (mg, oral);kind\n1;x\n", &["\"kind\" is missing", "separated by commas"]),
        (b"# made in 2024\na,kind\n1,x\n", &["is a comment"]),
        (b"# made, by hand\na,kind\n1,x\n", &["looks like a comment"]),
        (b"a,b\n1,x\n", &["\"kind\" is missing", "those of the file are \"a\", \"b\""]),
        (b"4711,0.815,x\n4712,1,y\n", &["\"kind\" is missing", "does it name the columns?"]),
        (b",a,kind\n0,1,x\n", &["column 1 has no name"]),
        (b"a,kind,,\n1,x,,\n", &["columns 3, 4 have no name"]),
        (b"a,kind\n1,x\n2,\n", &["row 2: no label", "\"kind\""]),
        (b"smoker,kind\ntrue,x\n", &["row 1, column \"smoker\"", "a truth value"]),
        (b"a,kind\n1,x\n\"1,5\",x\n", &["row 2, column \"a\"", "digits with other marks"]),
        (b"a,kind\nNA,x\n", &["row 1, column \"a\"", "missing"]),
        (&gzip(b"a,kind\n1,x\n"), &["looks like a gzip file", "expected a CSV file"]),
        (b"PK\x03\x04\x14\0", &["looks like a ZIP archive"]),
        (&utf16, &["looks like UTF-16 text"]),
        (&marked, &["looks like UTF-16 text"]),
        (b"<!DOCTYPE html>\n<html>", &["looks like a web page"]),
        (b"a,kind\n1,x\n2,caf\xe9\n", &["line 3 is not UTF-8 text", "Latin-1"]),
    ];
    for (text, expected) in cases {
        let said = said(text);
        assert!(expected.iter().all(|part| said.contains(part)), "{expected:?}: {said}");
        assert!(said.contains("data.csv") && !said.contains("4711"), "{said}");
    }
    // A quote that is never closed is no reason to repeat the file.
    assert!(said(format!("a,\"b\n{}", "1,x\n".repeat(1000)).as_bytes()).len() < 500);
    // Control characters of a file are not a terminal's.
    assert!(!said(b"a\x1b[2K,b\n1,2\n").contains('\u{1b}'));
}

/// `a.npy` is not read where a table is expected, and the reverse.
#[test]
fn binary_files_of_another_kind_are_named() {
    let folder = folder();
    let y = folder.path().join("y.npy");
    write_npy(&y, &Array1::from(vec![1u8, 0])).unwrap();
    let cases: [(&[u8], &str); 4] = [
        (b"PK\x03\x04\x14\0", "ZIP"),
        (&gzip(b"\x93NUMPY"), "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<html><title>Not found</title>", "HTML"),
    ];
    for (bytes, kind) in cases {
        let x = write(&folder, "x", bytes);
        let said = read_npy(&x, &y).unwrap_err().to_string();
        assert!(said.contains(kind) && said.contains("expected a NumPy array"), "{said}");
        if kind != "gzip" {
            let said = read_idx(&x, &x).unwrap_err().to_string();
            assert!(said.contains(kind) && said.contains("expected an IDX file"), "{said}");
        }
    }
    let said = read_csv(&y, "kind").unwrap_err().to_string();
    assert!(said.contains("looks like a NumPy array"), "{said}");
    let empty = write(&folder, "empty", b"");
    assert!(matches!(read_npy(&empty, &y), Err(DatasetError::NoContent { .. })));
    assert!(matches!(read_idx(&empty, &y), Err(DatasetError::NoContent { .. })));
}

#[test]
#[cfg(unix)]
fn pipes_and_devices_are_no_data() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        // Without an end, or without a beginning: it is not waited for.
        assert!(matches!(read_csv(path, "kind"), Err(DatasetError::Io { .. })));
        assert!(matches!(csv_header(path), Err(DatasetError::Io { .. })));
        assert!(matches!(read_npy(path, path), Err(DatasetError::Io { .. })));
        assert!(matches!(read_idx(path, path), Err(DatasetError::Io { .. })));
    }
}

/// 2^53 and 2^53 + 1 are one double.
#[test]
fn whole_labels_that_double_precision_cannot_tell_apart_are_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write_npy(path("x.npy"), &Array2::<f64>::zeros((3, 1))).unwrap();
    let read = |labels: Vec<i64>| {
        write_npy(path("y.npy"), &Array1::from(labels)).unwrap();
        read_npy(&path("x.npy"), &path("y.npy"))
    };
    const LARGEST: i64 = 1 << 53;
    assert_eq!(read(vec![0, LARGEST, -LARGEST]).unwrap().labels[1], "9007199254740992");
    for label in [LARGEST + 1, -LARGEST - 1, i64::MIN] {
        let error = read(vec![0, label, 1]).unwrap_err();
        let DatasetError::Format { fault, .. } = error else { panic!("{error}") };
        assert_eq!(fault, FormatFault::LargeLabel { row: 2 });
    }
    // As text they are different names, and none is taken for the other.
    let mut manifest = manifest();
    manifest.data.classes = Some(vec![LARGEST.to_string(), "9007199254740991".into()]);
    let label = |label: &str| needed(&format!("a,b,kind\n1,1,{label}\n"), &manifest).unwrap();
    assert_eq!(label("9007199254740992").scaled(&manifest).unwrap().labels, [1.0, 0.0]);
    assert_eq!(label("9007199254740991.0").scaled(&manifest).unwrap().labels, [0.0, 1.0]);
    for other in ["9007199254740993", "9007199254740992.0"] {
        let error = label(other).scaled(&manifest).unwrap_err();
        assert!(matches!(error, DatasetError::UnknownClass { row: 1, .. }), "{other}");
    }
    write_npy(path("y.npy"), &Array1::from(vec![0.0, f64::NAN, 1.0])).unwrap();
    let error = read_npy(&path("x.npy"), &path("y.npy")).unwrap_err();
    assert!(matches!(error, DatasetError::NotANumber { row: 2, .. }));
}

#[test]
fn numbers_match_classes_however_they_are_written() {
    let mut manifest = manifest();
    manifest.data.classes = Some(vec!["0".into(), "1".into()]);
    let table = csv("a,b,kind\n1,1,1.0\n1,1,0\n1,1,1\n").unwrap();
    assert_eq!(table.scaled(&manifest).unwrap().labels, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    manifest.model.loss = Loss::Logistic;
    assert_eq!(table.scaled(&manifest).unwrap().labels, [1.0, 0.0, 1.0]);
}

#[test]
fn regression_targets_are_scaled_and_must_be_numbers() {
    let mut manifest = manifest();
    manifest.model.loss = Loss::Mse;
    manifest.data.classes = None;
    manifest.data.target = Some(Target { offset: 10.0, scale: 0.5 });
    let table = csv("a,b,kind\n1,1,12\n1,1,8.5\n").unwrap();
    assert_eq!(table.scaled(&manifest).unwrap().labels, [1.0, -0.75]);
    let table = csv("a,b,kind\n1,1,12\n1,1,tall\n").unwrap();
    let error = table.scaled(&manifest).unwrap_err();
    assert!(matches!(error, DatasetError::NotANumber { row: 2, column, .. } if column == "kind"));
}

#[test]
fn quantization_rounds_half_up_and_clamps() {
    let manifest = synthetic::manifest(&[2, 2], 2, 1).unwrap();
    let mut network = manifest.network().unwrap();
    network.input_frac = 4;
    let inputs = vec![0.0, 1.0, 1.0 / 32.0, -1.0 / 32.0, 1e9, -1e9];
    let scaled = Scaled {
        width: 2,
        outputs: 2,
        inputs,
        labels: vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
        filled: 0,
    };
    let dataset = scaled.quantized(&network);
    assert_eq!(dataset.inputs, [0, 16, 1, 0, i16::MAX, i16::MIN]);
    assert_eq!((&dataset.labels[..], &dataset.targets), (&[0, 1, 1, 0, 0, 1][..], &None));
    assert_eq!((dataset.clamped.total(), dataset.rows()), (2, 3));
    assert_eq!((&dataset.clamped.inputs[..], dataset.clamped.targets), (&[1, 1][..], 0));
    assert_eq!((dataset.windows(&network), dataset.dropped(&network)), (1, 1));
    let (x, y) = dataset.window(&network, 0).unwrap();
    assert_eq!((x.len(), y.len()), (4, 4));
    assert!(dataset.window(&network, 1).is_none());
}

/// Targets beyond 16 bits are learned clamped, and counted; the model is measured against what they
/// are.
#[test]
fn a_regression_is_measured_against_its_targets_as_they_are() {
    let mut manifest = manifest();
    manifest.model.loss = Loss::Mse;
    manifest.model.layers[0].out = Some(1);
    manifest.data.classes = None;
    manifest.data.target = Some(Target { offset: 0.0, scale: 1.0 });
    let sample = synthetic::samples(&manifest, 64, 1).unwrap();
    let manifest = crate::calibrate(&manifest, &sample, 1).unwrap();
    let network = manifest.network().unwrap();
    let table = needed("a,b,kind\n1,0,0.5\n1,0,100000\n", &manifest).unwrap();
    let dataset = table.quantized(&manifest, &network).unwrap();
    assert_eq!(dataset.labels[1], i16::MAX);
    assert_eq!(dataset.targets.as_deref(), Some(&[0.5, 100_000.0][..]));
    assert_eq!((dataset.clamped.targets, dataset.clamped.total()), (1, 1));
    let mut model = crate::initial_parameters(&network, 1);
    model.layers[0].w.fill(0);
    let trainer = crate::train::Trainer::new(network).unwrap();
    let loss = crate::evaluate(&trainer, &model, &dataset).unwrap().loss;
    let expected = (0.5f64 * 0.5 + 1e10) / 4.0;
    assert!((loss / expected - 1.0).abs() < 1e-12, "{loss}");
}

#[test]
fn idx_files_are_read_gzipped_or_not() {
    let folder = folder();
    let images = idx(&[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 255]);
    let labels = idx(&[2], &[7, 3]);
    let plain = (write(&folder, "x", &images), write(&folder, "y", &labels));
    let zipped = (write(&folder, "x.gz", &gzip(&images)), write(&folder, "y.gz", &gzip(&labels)));
    for (features, labels) in [plain, zipped] {
        let table = Source::Idx { features, labels }.read("label").unwrap();
        assert_eq!(table.features, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 255.0]);
        assert_eq!(table.labels, ["7", "3"]);
        assert_eq!(table.columns[3], "pixel_3");
    }
}

#[test]
fn idx_faults_are_typed() {
    let folder = folder();
    let good = idx(&[2, 1], &[1, 2]);
    let labels = write(&folder, "labels", &idx(&[2], &[0, 1]));
    let fault = |bytes: &[u8]| match read_idx(&write(&folder, "x", bytes), &labels) {
        Err(DatasetError::Format { fault, .. }) => Some(fault),
        Err(
            DatasetError::TooLarge { .. } | DatasetError::Count { .. } | DatasetError::Empty { .. },
        ) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[1, 0, 8, 1]), Some(FormatFault::Magic));
    let got = "0x0d".to_owned();
    let floats = FormatFault::ElementType { expected: "unsigned bytes, 0x08,", got };
    assert_eq!(fault(&[0, 0, 13, 1, 0, 0, 0, 1, 0]), Some(floats));
    assert_eq!(fault(&[0, 0, 8, 0]), Some(FormatFault::Dimensions));
    for cut in 1..good.len() {
        assert_eq!(fault(&good[..cut]), Some(FormatFault::Length));
        assert_eq!(fault(&gzip(&good[..cut])), Some(FormatFault::Length));
    }
    assert_eq!(fault(&[&good[..], &[0]].concat()), Some(FormatFault::Length));
    // A header that announces more than there is must not make us allocate it.
    assert_eq!(fault(&idx(&[1 << 16, 1 << 15], &[])), Some(FormatFault::Length));
    assert_eq!(fault(&idx(&[u32::MAX; 4], &[])), None);
    assert_eq!(fault(&idx(&[0, u32::MAX, u32::MAX, u32::MAX], &[])), None);
    assert_eq!(fault(&idx(&[3, 1], &[1, 2, 3])), None);
    let cut = &gzip(&good)[..12];
    assert!(matches!(fault(cut), Some(FormatFault::Length)));
}

#[test]
fn npy_files_of_another_library_are_read() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let labels = Array1::from(vec![2i64, 0]);
    write_npy(path("y.npy"), &labels).unwrap();
    let rows = [[1.5, -2.0, 0.0], [4.0, 5.0, 6.25]];
    let expected: Vec<f64> = rows.concat();
    let check = |name: &str| {
        let source = Source::Npy { features: path(name), labels: path("y.npy") };
        let table = source.read("label").unwrap();
        assert_eq!(table.features, expected, "{name}");
        assert_eq!(table.labels, ["2", "0"]);
    };
    let array = Array2::from_shape_fn((2, 3), |(i, j)| rows[i][j]);
    write_npy(path("f8.npy"), &array).unwrap();
    write_npy(path("f4.npy"), &array.mapv(|x| x as f32)).unwrap();
    let mut fortran = Array2::zeros((2, 3).f());
    fortran.assign(&array);
    write_npy(path("fortran.npy"), &fortran).unwrap();
    let mut cube = Array3::zeros((2, 3, 1).f());
    cube.assign(&array.clone().into_shape_with_order((2, 3, 1)).unwrap());
    write_npy(path("cube.npy"), &cube).unwrap();
    for name in ["f8.npy", "f4.npy", "fortran.npy", "cube.npy"] {
        check(name);
    }
    let small = Array2::from_shape_fn((2, 3), |(i, j)| (i * 3 + j) as u8);
    write_npy(path("u1.npy"), &small).unwrap();
    let table = read_npy(&path("u1.npy"), &path("y.npy")).unwrap();
    assert_eq!(table.features, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    write_npy(path("nan.npy"), &Array2::from_elem((2, 3), f64::NAN)).unwrap();
    let error = read_npy(&path("nan.npy"), &path("y.npy")).unwrap_err();
    assert!(matches!(error, DatasetError::NotANumber { row: 1, .. }));
}

/// A few bytes of a header, or of a zipped file, cannot ask for millions of names.
#[test]
fn no_more_columns_are_named_than_a_network_can_have() {
    let folder = folder();
    let labels = write(&folder, "labels", &idx(&[1], &[0]));
    let wide = |width: u32| {
        let bytes = gzip(&idx(&[1, width], &vec![0; width as usize]));
        read_idx(&write(&folder, "x", &bytes), &labels)
    };
    assert_eq!(wide(65_536).unwrap().columns.len(), 65_536);
    let error = wide(65_537).unwrap_err();
    assert!(matches!(error, DatasetError::Count { expected: 65_536, got: 65_537, .. }), "{error}");
    let y = folder.path().join("y.npy");
    write_npy(&y, &Array1::from(vec![1u8])).unwrap();
    let x = folder.path().join("x.npy");
    write_npy(&x, &Array2::<u8>::zeros((1, 65_537))).unwrap();
    assert!(matches!(read_npy(&x, &y), Err(DatasetError::Count { got: 65_537, .. })));
    let header =
        format!("{{'descr': '|u1', 'fortran_order': True, 'shape': ({}), }}\n", "1, ".repeat(65));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    let x = write(&folder, "x.npy", &[&bytes, header.as_bytes(), &[7]].concat());
    let error = read_npy(&x, &y).unwrap_err();
    assert!(matches!(error, DatasetError::Format { fault: FormatFault::Dimensions, .. }));
}

#[test]
fn npy_faults_are_typed() {
    let folder = folder();
    let y = folder.path().join("y.npy");
    write_npy(&y, &Array1::from(vec![1u8, 0])).unwrap();
    let npy = |header: &str, data: &[u8]| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        [&bytes, header.as_bytes(), data].concat()
    };
    let fault = |bytes: &[u8]| match read_npy(&write(&folder, "x.npy", bytes), &y) {
        Err(DatasetError::Format { fault, .. }) => Some(fault),
        Err(DatasetError::Empty { .. }) => None,
        other => panic!("{other:?}"),
    };
    let header = |descr: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
    };
    let good = npy(&header("'|u1'", "(2, 2)"), &[1, 2, 3, 4]);
    assert!(read_npy(&write(&folder, "x.npy", &good), &y).is_ok());
    assert_eq!(fault(b"no array"), Some(FormatFault::Magic));
    for cut in 8..good.len() {
        assert_eq!(fault(&good[..cut]), Some(FormatFault::Length));
    }
    for (descr, name) in
        [("'>f4'", ">f4"), ("'<f2'", "<f2"), ("'|O'", "|O"), ("[('a', 'u1')]", "u1")]
    {
        let fault = fault(&npy(&header(descr, "(2, 2)"), &[0; 16])).unwrap();
        assert!(matches!(fault, FormatFault::ElementType { .. }), "{fault}");
        assert!(fault.to_string().contains(name) && fault.to_string().contains("f4 f8"), "{fault}");
    }
    assert_eq!(fault(&npy(&header("'<f8'", "(2, 2)"), &[0; 31])), Some(FormatFault::Length));
    assert_eq!(fault(&npy(&header("'|u1'", "(2, -2)"), &[0; 4])), Some(FormatFault::Header));
    assert_eq!(fault(&npy(&header("'|u1'", "()"), &[0; 1])), Some(FormatFault::Dimensions));
    let huge = "(18446744073709551615, 18446744073709551615)";
    assert_eq!(fault(&npy(&header("'|u1'", huge), &[0; 4])), Some(FormatFault::Length));
    assert_eq!(
        fault(&npy(&header("'|u1'", &format!("(0, {})", &huge[1..huge.len() - 1])), &[])),
        None
    );
    assert_eq!(fault(&npy("{}", &[])), Some(FormatFault::Header));
    // What reads any literal of Python's takes minutes for sixteen braces.
    for open in ["{", "[", "(", "{0:", "((),"] {
        assert_eq!(fault(&npy(&open.repeat(10_000), &[])), Some(FormatFault::Header));
    }
}

#[test]
fn a_summary_counts_labels_and_describes_columns() {
    let summary = inspect(&csv("a,kind\n1,x\n3,y\n5,x\n").unwrap());
    assert_eq!((summary.rows, summary.distinct_labels, summary.labels["x"]), (3, 2, 2));
    let a = &summary.columns[0];
    assert_eq!((a.min, a.max, a.mean), (Some(1.0), Some(5.0), Some(3.0)));
    assert!((a.std.unwrap() - (8.0f64 / 3.0).sqrt()).abs() < 1e-12);
    assert_eq!((a.not_numbers, &summary.label), (0, &None));
    let label = inspect(&csv("a,kind\n1,10\n3,20\n").unwrap()).label.unwrap();
    assert_eq!((label.mean, label.max), (Some(15.0), Some(20.0)));
}

#[test]
fn shuffling_keeps_rows_together_and_splitting_loses_none() {
    let text: String = (0..20).map(|i| format!("{i},{}\n", i * i)).collect();
    let table = csv(&format!("a,kind\n{text}")).unwrap();
    let shuffled = table.shuffled(1);
    assert_ne!(shuffled, table);
    assert_eq!(shuffled, table.shuffled(1));
    let (train, test) = shuffled.split(0.25);
    assert_eq!((train.rows(), test.rows()), (15, 5));
    let mut seen = Vec::new();
    for part in [train, test] {
        for (x, label) in part.features.iter().zip(&part.labels) {
            assert_eq!((x * x).to_string(), *label);
            seen.push(*x as usize);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(
            noise in prop::collection::vec(any::<u8>(), 0..80),
            at in 0usize..120,
        ) {
            let folder = folder();
            let mut npy = b"\x93NUMPY\x01\x00\x3b\x00".to_vec();
            npy.extend(b"{'descr': '<u2', 'fortran_order': True, 'shape': (2, 2), }\n");
            npy.extend([0; 8]);
            for valid in [npy, idx(&[2, 3], &[1, 2, 3, 4, 5, 6])] {
                let mut bytes = valid.clone();
                let at = at.min(bytes.len());
                let end = (at + noise.len() / 4).min(bytes.len());
                bytes.splice(at..end, noise.iter().copied());
                let (x, y) = (write(&folder, "x", &bytes), write(&folder, "y", &noise));
                let _ = read_npy(&x, &y);
                let _ = read_npy(&x, &x);
                let _ = read_idx(&x, &x);
                let _ = read_idx(&write(&folder, "z", &gzip(&bytes)), &y);
                let _ = read_csv(&x, "kind");
            }
        }
    }
}
