// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Signatures of NIST P-256, by the chain's precompile (RIP-7212) or here.
library P256 {
    address private constant PRECOMPILE = address(0x100);
    uint256 internal constant N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551;
    uint256 private constant P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff;
    uint256 private constant B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b;
    uint256 private constant GX = 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296;
    uint256 private constant GY = 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5;

    function verifyByPrecompile(bytes32 digest, uint256 r, uint256 s, uint256 x, uint256 y)
        internal
        view
        returns (bool)
    {
        (bool answered, bytes memory word) = PRECOMPILE.staticcall(abi.encode(digest, r, s, x, y));
        return answered && word.length == 32 && abi.decode(word, (uint256)) == 1;
    }

    function verify(bytes32 digest, uint256 r, uint256 s, uint256 x, uint256 y) internal view returns (bool) {
        if (r == 0 || r >= N || s == 0 || s >= N || !isOnCurve(x, y)) return false;
        // The keys 1 and -1, which everybody knows, have no sum with G in the table below.
        if (x == GX) return false;
        uint256 inverse = power(s, N - 2, N);
        uint256 u1 = mulmod(uint256(digest), inverse, N);
        uint256 u2 = mulmod(r, inverse, N);
        (uint256 sumX, uint256 sumZZ) = sumOfMultiples(u1, u2, table(x, y));
        if (sumZZ == 0) return false;
        if (mulmod(r, sumZZ, P) == sumX) return true;
        return r < P - N && mulmod(r + N, sumZZ, P) == sumX;
    }

    function isOnCurve(uint256 x, uint256 y) private pure returns (bool) {
        if (x >= P || y >= P) return false;
        uint256 cube = mulmod(mulmod(x, x, P), x, P);
        return mulmod(y, y, P) == addmod(addmod(cube, mulmod(P - 3, x, P), P), B, P);
    }

    /// The prime (as a literal the compiler would compute it at each use), then G, Q and G + Q; two words each.
    function table(uint256 x, uint256 y) private view returns (uint256[8] memory points) {
        uint256 slope = mulmod(addmod(y, P - GY, P), power(addmod(x, P - GX, P), P - 2, P), P);
        uint256 sumX = addmod(mulmod(slope, slope, P), P - addmod(x, GX, P), P);
        uint256 sumY = addmod(mulmod(slope, addmod(GX, P - sumX, P), P), P - GY, P);
        return [P, 0, GX, GY, x, y, sumX, sumY];
    }

    function power(uint256 base, uint256 exponent, uint256 modulus) private view returns (uint256) {
        (bool done, bytes memory word) = address(5).staticcall(abi.encode(32, 32, 32, base, exponent, modulus));
        require(done);
        return abi.decode(word, (uint256));
    }

    /// u1 G + u2 Q, bit by bit for both at once. The sum is X, Y, ZZ, ZZZ with x = X / ZZ; ZZ = 0 is infinity.
    /// Formulas: dbl-2008-s-1 and madd-2008-s of the Explicit-Formulas Database.
    function sumOfMultiples(uint256 u1, uint256 u2, uint256[8] memory points)
        private
        pure
        returns (uint256 sumX, uint256 sumZZ)
    {
        uint256[4] memory sum;
        assembly ("memory-safe") {
            function double(at, p) {
                let x := mload(at)
                let y := mload(add(at, 32))
                let zz := mload(add(at, 64))
                let u := addmod(y, y, p)
                let v := mulmod(u, u, p)
                let w := mulmod(u, v, p)
                let s := mulmod(x, v, p)
                let m := mulmod(3, mulmod(addmod(x, sub(p, zz), p), addmod(x, zz, p), p), p)
                x := addmod(mulmod(m, m, p), sub(p, addmod(s, s, p)), p)
                mstore(at, x)
                mstore(add(at, 32), addmod(mulmod(m, addmod(s, sub(p, x), p), p), sub(p, mulmod(w, y, p)), p))
                mstore(add(at, 64), mulmod(v, zz, p))
                mstore(add(at, 96), mulmod(w, mload(add(at, 96)), p))
            }
            function set(at, x, y) {
                mstore(at, x)
                mstore(add(at, 32), y)
                mstore(add(at, 64), 1)
                mstore(add(at, 96), 1)
            }
            function plus(at, x2, y2, p) {
                let zz := mload(add(at, 64))
                if iszero(zz) {
                    set(at, x2, y2)
                    leave
                }
                let x := mload(at)
                let y := mload(add(at, 32))
                let zzz := mload(add(at, 96))
                let d := addmod(mulmod(x2, zz, p), sub(p, x), p)
                let r := addmod(mulmod(y2, zzz, p), sub(p, y), p)
                if iszero(d) {
                    switch r
                    case 0 { double(at, p) }
                    default { mstore(add(at, 64), 0) }
                    leave
                }
                let dd := mulmod(d, d, p)
                d := mulmod(d, dd, p)
                mstore(add(at, 64), mulmod(zz, dd, p))
                mstore(add(at, 96), mulmod(zzz, d, p))
                let q := mulmod(x, dd, p)
                x := addmod(addmod(mulmod(r, r, p), sub(p, d), p), sub(p, addmod(q, q, p)), p)
                mstore(at, x)
                mstore(add(at, 32), addmod(mulmod(r, addmod(q, sub(p, x), p), p), sub(p, mulmod(y, d, p)), p))
            }
            let prime := mload(points)
            for { let bit := shl(255, 1) } bit { bit := shr(1, bit) } {
                if mload(add(sum, 64)) { double(sum, prime) }
                let chosen := or(shl(6, iszero(iszero(and(u1, bit)))), shl(7, iszero(iszero(and(u2, bit)))))
                if chosen { plus(sum, mload(add(points, chosen)), mload(add(points, add(chosen, 32))), prime) }
            }
            sumX := mload(sum)
            sumZZ := mload(add(sum, 64))
        }
    }
}
