//! Checksums of what one request brings.

use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use tidegate_proto::upload::{Algorithm, Checksum};

use super::super::command::Expected;

/// The checksums of the bytes so far that may be needed.
pub(super) struct Hashing(Vec<Hasher>);

enum Hasher {
    Crc32c(u32),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hashing {
    /// For a checksum that comes in a trailer, all are made: until then nobody knows which it will be.
    pub(super) fn new(expected: &Expected) -> Self {
        Self(match expected {
            Expected::Known(checksum) => vec![Hasher::new(checksum.algorithm)],
            Expected::InTrailer => Algorithm::ALL.into_iter().map(Hasher::new).collect(),
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for hasher in &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// Whether the bytes have this checksum.
    pub(super) fn agrees(self, checksum: &Checksum) -> bool {
        let mut hashers = self.0.into_iter();
        let hasher = hashers.find(|hasher| hasher.algorithm() == checksum.algorithm);
        hasher.is_some_and(|hasher| hasher.finish() == checksum.value)
    }
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32c => Self::Crc32c(0),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Crc32c(_) => Algorithm::Crc32c,
            Self::Md5(_) => Algorithm::Md5,
            Self::Sha1(_) => Algorithm::Sha1,
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32c(crc) => *crc = crc32c::crc32c_append(*crc, bytes),
            Self::Md5(hash) => hash.update(bytes),
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc32c(crc) => crc.to_be_bytes().to_vec(),
            Self::Md5(hash) => hash.finalize().to_vec(),
            Self::Sha1(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha512(hash) => hash.finalize().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA512: &str = "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a\
        d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85";

    /// The digests of `123456789` that the catalogues of checksums have.
    #[test]
    fn the_digests_are_those_of_the_catalogues() {
        let known = [
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
            (Algorithm::Sha512, SHA512),
        ];
        for (algorithm, digits) in known {
            let value: Vec<u8> = (0..digits.len() / 2)
                .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            let checksum = Checksum { algorithm, value };
            for expected in [Expected::Known(checksum.clone()), Expected::InTrailer] {
                let mut hashing = Hashing::new(&expected);
                hashing.update(b"1234");
                hashing.update(b"56789");
                assert!(hashing.agrees(&checksum), "{algorithm:?}");
                assert!(!Hashing::new(&expected).agrees(&checksum), "{algorithm:?}");
            }
        }
    }
}
