//! What a file that is not of the expected kind seems to be, from its first bytes.

/// Kinds that are told by how a file begins.
const BEGINNINGS: [(&[u8], &str); 25] = [
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a ZIP archive, as .npz files, spreadsheets and saved models are"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"PAR1", "an Apache Parquet file"),
    (b"ARROW1", "an Apache Arrow file"),
    (b"FEA1", "a Feather file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of an old format (.xls)"),
    (b"{\\rtf", "a formatted text (RTF)"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS in place of the file, which `git lfs pull` fetches",
    ),
];

/// Bytes that are looked at.
const ENOUGH: usize = 512;

/// What the file that begins with `start` seems to be; `None` where nothing is known.
pub fn looks_like(start: &[u8]) -> Option<&'static str> {
    let start = &start[..start.len().min(ENOUGH)];
    let known = BEGINNINGS.iter().find(|(bytes, _)| start.starts_with(bytes));
    known.map(|(_, kind)| *kind).or_else(|| bare_utf16(start)).or_else(|| markup(start))
}

/// UTF-16 without a mark at its beginning: every second byte of what is mostly ASCII is zero.
fn bare_utf16(start: &[u8]) -> Option<&'static str> {
    let (pairs, _) = start.as_chunks::<2>();
    let ascii = |c: u8| c.is_ascii_graphic() || c.is_ascii_whitespace();
    let little = pairs.iter().take(4).all(|[a, b]| ascii(*a) && *b == 0);
    let big = pairs.iter().take(4).all(|[a, b]| *a == 0 && ascii(*b));
    (pairs.len() >= 4 && (little || big)).then_some("UTF-16 text")
}

/// Formats of text.
fn markup(start: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start));
    let text = text.trim_start().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|begin| text.starts_with(begin));
    if begins(&["<!doctype html", "<html", "<head", "<body"]) {
        return Some("a web page (HTML)");
    }
    if begins(&["<?xml", "<!--"]) {
        return Some("an XML file");
    }
    let json = ['{', '['].iter().find_map(|open| text.strip_prefix(*open)).map(str::trim_start);
    json.filter(|rest| rest.starts_with(['"', '{', '[']) && text.contains([':', ']']))
        .map(|_| "a JSON file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        let kinds: [(&[u8], &str); 9] = [
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"PK\x03\x04rest", "ZIP"),
            (b"\xff\xfea\0,\0", "UTF-16"),
            (b"a\0,\0b\0,\0", "UTF-16"),
            (b"\0a\0,\0b\0,", "UTF-16"),
            (b"\n <!DOCTYPE html><html>", "HTML"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
            (b"{\"a\": 1}", "JSON"),
            (b"\xef\xbb\xbf<html>", "HTML"),
        ];
        for (start, kind) in kinds {
            assert!(looks_like(start).is_some_and(|is| is.contains(kind)), "{kind}");
        }
        for table in ["age,dose\n1,2\n", "\u{feff}a,b\n", "[a],{b}\n", "", "version,x\n1,2\n"] {
            assert_eq!(looks_like(table.as_bytes()), None, "{table}");
        }
    }
}
