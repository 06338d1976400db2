use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{Array1, Array2, Array3, ShapeBuilder};
use ndarray_npy::write_npy;
use tempfile::TempDir;
use zktrain_circuits::manifest::{Feature, Loss, Manifest, Target};

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

#[test]
fn csv_columns_are_found_by_name_and_brought_in_order() {
    let table = csv("b, kind ,extra,a\n1,x,9,3\n2.5,y,9,-1e2\n").unwrap();
    assert_eq!(table.columns, ["b", "extra", "a"]);
    let table = table.select(&manifest().data).unwrap();
    assert_eq!((table.columns.as_slice(), table.rows()), (&["a".into(), "b".into()][..], 2));
    assert_eq!(table.features, [3.0, 1.0, -100.0, 2.5]);
    let scaled = table.scaled(&manifest()).unwrap();
    assert_eq!(scaled.inputs, [1.0, -1.0, -50.5, -2.5]);
    assert_eq!(scaled.labels, [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn csv_faults_are_named() {
    use DatasetError::*;
    assert!(matches!(csv("a,b\n1,2\n"), Err(MissingColumn { column, .. }) if column == "kind"));
    assert!(matches!(csv("a,a,kind\n"), Err(DuplicateColumn { column, .. }) if column == "a"));
    assert!(matches!(csv("a,kind\n"), Err(Empty { .. })));
    assert!(matches!(csv("kind\nx\n"), Err(Empty { .. })));
    assert!(matches!(csv("a,kind\n1,x\n1\n"), Err(Csv { .. })));
    for bad in ["", "one", "nan", "inf", "1,5"] {
        let error = csv(&format!("a,kind\n1,x\n\"{bad}\",x\n")).unwrap_err();
        assert!(matches!(&error, NotANumber { row: 2, column, .. } if column == "a"), "{error}");
        assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
    }
    assert!(matches!(read_csv(Path::new("/nonexistent"), "kind"), Err(Csv { .. })));
    let table = csv("a,kind\n1,x\n").unwrap();
    assert!(
        matches!(table.select(&manifest().data), Err(MissingColumn { column, .. }) if column == "b")
    );
    assert!(matches!(table.scaled(&manifest()), Err(Count { expected: 2, got: 1, .. })));
    let table = csv("a,b,kind\n1,1,x\n1,1,z\n").unwrap();
    assert!(matches!(table.scaled(&manifest()), Err(UnknownClass { row: 2, .. })));
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
    let scaled =
        Scaled { width: 2, outputs: 2, inputs, labels: vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0] };
    let dataset = scaled.quantized(&network);
    assert_eq!(dataset.inputs, [0, 16, 1, 0, i16::MAX, i16::MIN]);
    assert_eq!(dataset.labels, [0, 1, 1, 0, 0, 1]);
    assert_eq!((dataset.clamped, dataset.rows()), (2, 3));
    assert_eq!((dataset.windows(&network), dataset.dropped(&network)), (1, 1));
    let (x, y) = dataset.window(&network, 0).unwrap();
    assert_eq!((x.len(), y.len()), (4, 4));
    assert!(dataset.window(&network, 1).is_none());
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
    assert_eq!(fault(&[0, 0, 13, 1, 0, 0, 0, 1, 0]), Some(FormatFault::ElementType));
    assert_eq!(fault(&[0, 0, 8, 0]), Some(FormatFault::Dimensions));
    for cut in 0..good.len() {
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
    assert_eq!(fault(b"PK"), Some(FormatFault::Magic));
    for cut in 8..good.len() {
        assert_eq!(fault(&good[..cut]), Some(FormatFault::Length));
    }
    assert_eq!(fault(&npy(&header("'>f4'", "(2, 2)"), &[0; 16])), Some(FormatFault::ElementType));
    assert_eq!(
        fault(&npy(&header("[('a', 'u1')]", "(2, 2)"), &[0; 4])),
        Some(FormatFault::ElementType)
    );
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
}

#[test]
fn a_summary_counts_labels_and_describes_columns() {
    let summary = inspect(&csv("a,kind\n1,x\n3,y\n5,x\n").unwrap());
    assert_eq!((summary.rows, summary.distinct_labels, summary.labels["x"]), (3, 2, 2));
    let a = &summary.columns[0];
    assert_eq!((a.min, a.max, a.mean), (1.0, 5.0, 3.0));
    assert!((a.std - (8.0f64 / 3.0).sqrt()).abs() < 1e-12);
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
