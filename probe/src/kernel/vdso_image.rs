//! The vDSO's image, read from the probe's own memory (vdso(7)).

use elf::{
    ElfBytes,
    abi::{DT_GNU_HASH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, PT_LOAD, SHN_UNDEF},
    endian::LittleEndian,
    file::Class,
    parse::ParsingTable,
    string_table::StringTable,
    symbol::Symbol,
};
use proto::{Observation, VdsoImage};

use crate::{sys, text::printable};

/// The size in bytes of a symbol of a 64-bit image (elf(5)).
const SYMBOL: u64 = 24;

pub(crate) fn observe() -> Observation<VdsoImage> {
    match sys::vdso().map(|image| parse(&image)) {
        Some(Ok(image)) => Observation::Seen(image),
        Some(Err(reason)) => Observation::Failed { reason },
        None => Observation::Absent,
    }
}

fn parse(image: &[u8]) -> Result<VdsoImage, String> {
    let not_elf = |error: elf::ParseError| format!("the vDSO is no ELF image: {error}");
    // Section headers may be unmapped. The parser ignores them if the table's offset and counts are zero.
    let mut headers = image.to_vec();
    if let Some(place) = headers.get_mut(40..48) {
        place.fill(0);
    }
    if let Some(counts) = headers.get_mut(58..64) {
        counts.fill(0);
    }
    let file = ElfBytes::<LittleEndian>::minimal_parse(&headers).map_err(not_elf)?;
    let segments = file.segments().ok_or("the vDSO has no program headers")?;
    let load = segments.iter().find(|segment| segment.p_type == PT_LOAD).ok_or("the vDSO loads nothing")?;
    let dynamic = file.dynamic().map_err(not_elf)?.ok_or("the vDSO has no dynamic section")?;
    let entry = |tag: i64| dynamic.iter().find(|entry| entry.d_tag == tag).map(|entry| entry.d_val());
    Ok(VdsoImage {
        link_address: load.p_vaddr,
        segments: segments.iter().map(|segment| segment.p_type).collect(),
        exports: exports(image, load.p_vaddr, &entry).ok_or("the vDSO's symbols are out of its bounds")?,
        gnu_hash: entry(DT_GNU_HASH).is_some(),
    })
}

/// Returns the names of the defined symbols. The dynamic section does not state their number, but linkers put the strings
/// right behind the symbols.
fn exports(image: &[u8], base: u64, entry: &impl Fn(i64) -> Option<u64>) -> Option<Vec<String>> {
    let offset = |address: u64| usize::try_from(address.checked_sub(base)?).ok();
    let (symbols, strings) = (entry(DT_SYMTAB)?, entry(DT_STRTAB)?);
    let length = strings.checked_sub(symbols)?;
    let table = image.get(offset(symbols)?..)?.get(..usize::try_from(length - length % SYMBOL).ok()?)?;
    let names = image.get(offset(strings)?..)?.get(..usize::try_from(entry(DT_STRSZ)?).ok()?)?;
    let names = StringTable::new(names);
    let symbols: ParsingTable<'_, LittleEndian, Symbol> =
        ParsingTable::new(LittleEndian, Class::ELF64, table);
    let mut exports: Vec<_> = symbols
        .iter()
        .filter(|symbol| symbol.st_shndx != SHN_UNDEF && symbol.st_name != 0)
        .filter_map(|symbol| names.get(usize::try_from(symbol.st_name).ok()?).ok())
        .map(printable)
        .collect();
    exports.sort_unstable();
    exports.dedup();
    Some(exports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernels_image_is_understood() {
        let image = sys::vdso().expect("every kernel that runs tests maps a vDSO");
        let parsed = parse(&image).unwrap();
        assert!(parsed.exports.iter().any(|name| name.contains("clock_gettime")), "{parsed:?}");
        assert!(parsed.segments.contains(&PT_LOAD), "{parsed:?}");
    }

    #[test]
    fn a_cut_or_damaged_image_never_causes_a_panic() {
        let image = sys::vdso().expect("every kernel that runs tests maps a vDSO");
        assert!(parse(&[]).is_err());
        for length in (0..image.len()).step_by(61) {
            drop(parse(&image[..length]));
        }
        for position in 0..2048.min(image.len()) {
            let mut damaged = image.clone();
            damaged[position] ^= 0xff;
            drop(parse(&damaged));
        }
    }
}
