//! Quantities in manifests (apimachinery, `pkg/api/resource/quantity.go`), rounded up to whole units.

/// Parses a quantity of memory, in bytes.
pub fn bytes(text: &str) -> Option<u64> {
    scaled(text, 1)
}

/// Parses a quantity of processors, in thousandths.
pub fn millis(text: &str) -> Option<u64> {
    scaled(text, 1000)
}

/// Suffixes with their factor and divisor; longer suffixes come before their endings.
const SUFFIXES: &[(&str, u128, u128)] = &[
    ("Ki", 1 << 10, 1),
    ("Mi", 1 << 20, 1),
    ("Gi", 1 << 30, 1),
    ("Ti", 1 << 40, 1),
    ("Pi", 1 << 50, 1),
    ("Ei", 1 << 60, 1),
    ("n", 1, 1_000_000_000),
    ("u", 1, 1_000_000),
    ("m", 1, 1_000),
    ("k", 1_000, 1),
    ("M", 1_000_000, 1),
    ("G", 1_000_000_000, 1),
    ("T", 1_000_000_000_000, 1),
    ("P", 1_000_000_000_000_000, 1),
    ("E", 1_000_000_000_000_000_000, 1),
];

fn scaled(text: &str, units: u128) -> Option<u64> {
    let suffix =
        SUFFIXES.iter().find_map(|&(suffix, times, by)| Some((text.strip_suffix(suffix)?, times, by)));
    let (number, times, by) = suffix.or_else(|| exponent(text)).unwrap_or((text, 1, 1));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let places = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let divisor = by.checked_mul(places)?;
    let value = digits.checked_mul(times)?.checked_mul(units)?.div_ceil(divisor);
    u64::try_from(value).ok()
}

/// Splits "1e3" and "1E3" at the exponent; a bare "1E" has a suffix instead.
fn exponent(text: &str) -> Option<(&str, u128, u128)> {
    let (number, power) = text.split_once(['e', 'E'])?;
    let power: i32 = power.parse().ok()?;
    let factor = 10u128.checked_pow(power.unsigned_abs())?;
    Some(if power < 0 { (number, 1, factor) } else { (number, factor, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_has_the_api_servers_value() {
        for (text, expected) in [
            ("256Mi", Some(256 << 20)),
            ("1Gi", Some(1 << 30)),
            ("1.5Gi", Some(3 << 29)),
            ("128974848", Some(128_974_848)),
            ("129e6", Some(129_000_000)),
            ("129M", Some(129_000_000)),
            ("128974848000m", Some(128_974_848)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("0.5", Some(1)),
            ("", None),
            ("-1", None),
            ("12Q", None),
            ("99999999999Ei", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(millis("500m"), Some(500));
        assert_eq!(millis("2"), Some(2000));
        assert_eq!(millis("0.25"), Some(250));
        assert_eq!(millis("100u"), Some(1));
    }
}
