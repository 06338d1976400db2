// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bn254} from "./Bn254.sol";

/// @title The gates of the circuit
/// @notice Evaluated at one point: constants, multiply-adds, and Poseidon's rounds.
/// @dev `docs/halo2-circuit.md` derives them. Five cells `c` of a row, five `c'` of the next one,
/// coefficients `q`, selectors `s, t`, an instance value. Poseidon's partial rounds are a
/// recurrence of order five in one variable.
library Halo2Gates {
    // Where the constants of Poseidon start among `CONSTANTS`, in words.
    // 0: the matrix, row by row.
    // 25: observations: the first rows of the matrix's powers 1 to 5.
    uint256 private constant OBSERVATIONS = 25;
    // What a cell and its fifth power add to the cell five places on.
    uint256 private constant LINEAR = 50;
    uint256 private constant FIFTH = 55;
    // The matrix's characteristic polynomial.
    uint256 private constant CHARACTERISTIC = 60;
    // What an S-box adds to the cells after it, where partial rounds start.
    uint256 private constant ECHO = 65;
    // What round constants add there.
    uint256 private constant ENTRY = 69;

    /// @dev The values that the gates look at, as addresses of lists of words.
    struct View {
        // Five cells, five of the next row.
        uint256 cells;
        // Their fifth powers.
        uint256 powers;
        // Fifth powers of the five cells with the coefficients added.
        uint256 shifted;
        // Five coefficients, two selectors.
        uint256 coefficients;
        uint256 constants;
    }

    /// @notice The sum of all gates times powers of `y`, the first gate times the highest.
    /// @param cells Address of five words of a row and five of the next.
    /// @param coefficients Address of five coefficients and two selectors.
    /// @param instance The instance column's value.
    /// @param y The batching challenge.
    function evaluate(uint256 cells, uint256 coefficients, uint256 instance, uint256 y)
        internal
        pure
        returns (uint256 sum)
    {
        unchecked {
            View memory view_ = _view(cells, coefficients);
            uint256 s = Bn254.word(coefficients + 160);
            uint256 t = Bn254.word(coefficients + 192);
            uint256 both = mulmod(s, t, Bn254.R);
            // 1 - s^2 - t^2 + s t
            uint256 idle = addmod(mulmod(s, s, Bn254.R), mulmod(t, t, Bn254.R), Bn254.R);
            idle = Bn254.sub(addmod(1, both, Bn254.R), idle);
            sum = mulmod(idle, _constant(cells, coefficients), Bn254.R);
            uint256 term = mulmod(both, _arithmetic(cells, coefficients, instance), Bn254.R);
            sum = addmod(mulmod(sum, y, Bn254.R), term, Bn254.R);
            sum = _add(sum, _selector(s, t), _fullRound(view_, y), y);
            sum = _add(sum, mulmod(s, Bn254.sub(s, 1), Bn254.R), _entry(view_, y), y);
            sum = _add(sum, _selector(t, s), _partialRounds(view_, y), y);
            sum = _add(sum, mulmod(t, Bn254.sub(t, 1), Bn254.R), _exit(view_, y), y);
        }
    }

    /// @dev `a (a + 1 - 2 b)`
    function _selector(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            uint256 factor = addmod(addmod(a, 1, Bn254.R), 2 * (Bn254.R - b), Bn254.R);
            return mulmod(a, factor, Bn254.R);
        }
    }

    /// @dev `sum y^5 + selector * gates`
    function _add(uint256 sum, uint256 selector, uint256 gates, uint256 y)
        private
        pure
        returns (uint256)
    {
        uint256 fourth = mulmod(y, y, Bn254.R);
        fourth = mulmod(fourth, fourth, Bn254.R);
        uint256 moved = mulmod(sum, mulmod(fourth, y, Bn254.R), Bn254.R);
        return addmod(moved, mulmod(selector, gates, Bn254.R), Bn254.R);
    }

    /// @dev `q_0 c_0 - q_1`
    function _constant(uint256 cells, uint256 coefficients) private pure returns (uint256) {
        unchecked {
            uint256 product = mulmod(Bn254.word(coefficients), Bn254.word(cells), Bn254.R);
            return Bn254.sub(product, Bn254.word(coefficients + 32));
        }
    }

    /// @dev `c_4 (q_0 c_0 c_1 + q_1 c_0 + q_2 c_1 + q_4) + q_3 c_2 - c_3 + instance`
    function _arithmetic(uint256 cells, uint256 coefficients, uint256 instance)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            (uint256 a, uint256 b) = (Bn254.word(cells), Bn254.word(cells + 32));
            sum = mulmod(Bn254.word(coefficients), mulmod(a, b, Bn254.R), Bn254.R);
            sum = addmod(sum, mulmod(Bn254.word(coefficients + 32), a, Bn254.R), Bn254.R);
            sum = addmod(sum, mulmod(Bn254.word(coefficients + 64), b, Bn254.R), Bn254.R);
            sum = addmod(sum, Bn254.word(coefficients + 128), Bn254.R);
            sum = mulmod(sum, Bn254.word(cells + 128), Bn254.R);
            uint256 term = mulmod(Bn254.word(coefficients + 96), Bn254.word(cells + 64), Bn254.R);
            sum = addmod(sum, term, Bn254.R);
            sum = Bn254.sub(sum, Bn254.word(cells + 96));
            sum = addmod(sum, instance, Bn254.R);
        }
    }

    /// @dev `c'_i - sum_j M_ij s_j`, `s_j` being the shifted powers
    function _fullRound(View memory view_, uint256 y) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i = 0; i < 5; ++i) {
                uint256 row = view_.constants + 160 * i;
                uint256 value = _dot(row, view_.shifted, 5);
                sum = _next(sum, y, Bn254.word(view_.cells + 160 + 32 * i), value);
            }
        }
    }

    /// @dev `c'_i - (o_{i+1} s + sum_{j<i} g_{i-j} (c'_j^5 - c'_j) + entry_i)`
    function _entry(View memory view_, uint256 y) private pure returns (uint256 sum) {
        unchecked {
            uint256 constants = view_.constants;
            for (uint256 i = 0; i < 5; ++i) {
                uint256 value = _dot(constants + 32 * OBSERVATIONS + 160 * i, view_.shifted, 5);
                for (uint256 j = 0; j < i; ++j) {
                    uint256 place = 160 + 32 * j;
                    uint256 cell = Bn254.word(view_.cells + place);
                    uint256 added = Bn254.sub(Bn254.word(view_.powers + place), cell);
                    uint256 gain = Bn254.word(constants + 32 * (ECHO + i - j - 1));
                    value = addmod(value, mulmod(gain, added, Bn254.R), Bn254.R);
                }
                value = addmod(value, Bn254.word(constants + 32 * (ENTRY + i)), Bn254.R);
                sum = _next(sum, y, Bn254.word(view_.cells + 160 + 32 * i), value);
            }
        }
    }

    /// @dev `c'_i - (sum_j (a_j X_{i+j} + b_j X_{i+j}^5) + q_i)`, `X` being all ten cells
    function _partialRounds(View memory view_, uint256 y) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i = 0; i < 5; ++i) {
                uint256 value = _recurrence(view_, i, 5);
                sum = _next(sum, y, Bn254.word(view_.cells + 160 + 32 * i), value);
            }
        }
    }

    /// @dev `Y_i - (sum_{j<5-i} (a_j X_{i+j} + b_j X_{i+j}^5) + sum_{j>=5-i} p_j Y_{i+j-5} + q_i)`,
    /// `Y_i = o_i c'`
    function _exit(View memory view_, uint256 y) private pure returns (uint256 sum) {
        unchecked {
            uint256[5] memory observed;
            uint256 place;
            assembly ("memory-safe") {
                place := observed
            }
            uint256 characteristic = view_.constants + 32 * CHARACTERISTIC;
            for (uint256 i = 0; i < 5; ++i) {
                uint256 row = view_.constants + 32 * OBSERVATIONS + 160 * i - 160;
                // o_0 is the first unit vector.
                observed[i] =
                    i == 0 ? Bn254.word(view_.cells + 160) : _dot(row, view_.cells + 160, 5);
                uint256 value = _recurrence(view_, i, 5 - i);
                uint256 later = _dot(characteristic + 32 * (5 - i), place, i);
                sum = _next(sum, y, observed[i], addmod(value, later, Bn254.R));
            }
        }
    }

    /// @dev `q_i + sum_{j < count} (a_j X_{i+j} + b_j X_{i+j}^5)`
    function _recurrence(View memory view_, uint256 i, uint256 count)
        private
        pure
        returns (uint256 value)
    {
        unchecked {
            uint256 constants = view_.constants;
            value = Bn254.word(view_.coefficients + 32 * i);
            uint256 term = _dot(constants + 32 * LINEAR, view_.cells + 32 * i, count);
            value = addmod(value, term, Bn254.R);
            term = _dot(constants + 32 * FIFTH, view_.powers + 32 * i, count);
            value = addmod(value, term, Bn254.R);
        }
    }

    /// @dev `sum y + cell - value`
    function _next(uint256 sum, uint256 y, uint256 cell, uint256 value)
        private
        pure
        returns (uint256)
    {
        uint256 gate = Bn254.sub(cell, value);
        return addmod(mulmod(sum, y, Bn254.R), gate, Bn254.R);
    }

    /// @dev The inner product of two lists of words.
    function _dot(uint256 a, uint256 b, uint256 count) private pure returns (uint256 sum) {
        uint256 modulus = Bn254.R;
        assembly ("memory-safe") {
            for { let end := add(a, shl(5, count)) } lt(a, end) {
                a := add(a, 0x20)
                b := add(b, 0x20)
            } { sum := addmod(sum, mulmod(mload(a), mload(b), modulus), modulus) }
        }
    }

    function _view(uint256 cells, uint256 coefficients) private pure returns (View memory view_) {
        unchecked {
            uint256[10] memory powers;
            uint256[5] memory shifted;
            for (uint256 i = 0; i < 10; ++i) {
                powers[i] = _fifth(Bn254.word(cells + 32 * i));
            }
            for (uint256 i = 0; i < 5; ++i) {
                uint256 cell = Bn254.word(cells + 32 * i);
                shifted[i] = _fifth(addmod(cell, Bn254.word(coefficients + 32 * i), Bn254.R));
            }
            bytes memory constants = CONSTANTS;
            (view_.cells, view_.coefficients) = (cells, coefficients);
            assembly ("memory-safe") {
                mstore(add(view_, 0x20), powers)
                mstore(add(view_, 0x40), shifted)
                mstore(add(view_, 0x80), add(constants, 0x20))
            }
        }
    }

    function _fifth(uint256 value) private pure returns (uint256) {
        uint256 square = mulmod(value, value, Bn254.R);
        return mulmod(mulmod(square, square, Bn254.R), value, Bn254.R);
    }

    bytes private constant CONSTANTS = hex"251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1"
        hex"25fb50b65acf4fb047cbd3b1c17d97c7fe26ea9ca238d6e348550486e91c7765"
        hex"293d617d7da72102355f39ebf62f91b06deb5325f367a4556ea1e31ed5767833"
        hex"104d0295ab00c85e960111ac25da474366599e575a9b7edf6145f14ba6d3c1c4"
        hex"0aaa35e2c84baf117dea3e336cd96a39792b3813954fe9bf3ed5b90f2f69c977"
        hex"2a70b9f1d4bbccdbc03e17c1d1dcdb02052903dc6609ea6969f661b2eb74c839"
        hex"281154651c921e746315a9934f1b8a1bba9f92ad8ef4b979115b8e2e991ccd7a"
        hex"28c2be2f8264f95f0b53c732134efa338ccd8fdb9ee2b45fb86a894f7db36c37"
        hex"21888041e6febd546d427c890b1883bb9b626d8cb4dc18dcc4ec8fa75e530a13"
        hex"14ddb5fada0171db80195b9592d8cf2be810930e3ea4574a350d65e2cbff4941"
        hex"2f69a7198e1fbcc7dea43265306a37ed55b91bff652ad69aa4fa8478970d401d"
        hex"001c1edd62645b73ad931ab80e37bbb267ba312b34140e716d6a3747594d3052"
        hex"15b98ce93e47bc64ce2f2c96c69663c439c40c603049466fa7f9a4b228bfc32b"
        hex"12c7e2adfa524e5958f65be2fbac809fcba8458b28e44d9265051de33163cf9c"
        hex"2efc2b90d688134849018222e7b8922eaf67ce79816ef468531ec2de53bbd167"
        hex"0c3f050a6bf5af151981e55e3e1a29a13c3ffa4550bd2514f1afd6c5f721f830"
        hex"0dec54e6dbf75205fa75ba7992bd34f08b2efe2ecd424a73eda7784320a1a36e"
        hex"1c482a25a729f5df20225815034b196098364a11f4d988fb7cc75cf32d8136fa"
        hex"2625ce48a7b39a4252732624e4ab94360812ac2fc9a14a5fb8b607ae9fd8514a"
        hex"07f017a7ebd56dd086f7cd4fd710c509ed7ef8e300b9a8bb9fb9f28af710251f"
        hex"2a20e3a4a0e57d92f97c9d6186c6c3ea7c5e55c20146259be2f78c2ccc2e3595"
        hex"1049f8210566b51faafb1e9a5d63c0ee701673aed820d9c4403b01feb727a549"
        hex"02ecac687ef5b4b568002bd9d1b96b4bef357a69e3e86b5561b9299b82d69c8e"
        hex"2d3a1aea2e6d44466808f88c9ba903d3bdcb6b58ba40441ed4ebcf11bbe1e37b"
        hex"14074bb14c982c81c9ad171e4f35fe49b39c4a7a72dbb6d9c98d803bfed65e64"
        hex"251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1"
        hex"25fb50b65acf4fb047cbd3b1c17d97c7fe26ea9ca238d6e348550486e91c7765"
        hex"293d617d7da72102355f39ebf62f91b06deb5325f367a4556ea1e31ed5767833"
        hex"104d0295ab00c85e960111ac25da474366599e575a9b7edf6145f14ba6d3c1c4"
        hex"0aaa35e2c84baf117dea3e336cd96a39792b3813954fe9bf3ed5b90f2f69c977"
        hex"2cd71dde52edde27fd23bf30c64da594889cd351af3884d276ec7724c89f4d5c"
        hex"119e5d69dea83d12244702e509211f018d90584f52bbf7a6a494420b33879d70"
        hex"0272e219bc4bd640fc85a0f39ca7d93db97df63c922c7e6063468187e2ebb7bd"
        hex"1c4a1496362a0c41aa20259105edb8002e4daddcddff0631513a39d65b496216"
        hex"09e240d912e33c28b63b10e73fa05ff7705dfde8a541345e7adb88f1d64fbe00"
        hex"2986d4e79f58ce8a08871344f4a1ddf1fa558c2f59f6190552a19aff20547220"
        hex"2e0fcf920fb104bcbb3f280e7e7a2f99a641dbe3bbdee15cb9bbe28dcb8dde7e"
        hex"239d84ae5923e76999d0c2298e30bd287801f709f8952a25353b5b967887ffb0"
        hex"14c513d216542da398809605d663b0b43c3fbb590ae40b442c174409c97d4f23"
        hex"0910a2a01d518fa4b022d6c95988853f6ee7fd94dc7a12ba2602f745aba8c37c"
        hex"2ccd8c7059c82c539b0ffa2419ce3cc4380ffa8b3fbcb545a2d5f422c5901ab9"
        hex"058e05bffeba6cee9b800975abd76250814a7d223b6882bb7ffddc60fa06f22f"
        hex"2edc0d6bc1bcbab708462c90d82e1cd4673d409a88e17147ffb0f682387fd4bb"
        hex"00906ef303a80633d480ae2e42716b0de4107bf5457ee3bc2b9c92e60d4f45da"
        hex"25e9443fddd0a328d148eb68ba7543b5d2b58aafd283e50d3c2e2138b7637e2e"
        hex"217d97768e3200362fc04af8d3bb5006ca25c91201523706f2ba4d737c1dbaa2"
        hex"287e588a0c8161498ec64e9fb0b468e6c45b634df97f0a82b044dca9413660ea"
        hex"24cca0709dbfb11f9435ba045e9a751f0523e39578e433f28e6bbfb6aebc2eca"
        hex"2ddbfdf9ee6ef7e1176cfc91995715fd7fda9b9911e2e314e7b1f816a881c3fc"
        hex"19207a83284ca45d11afb8162c134cf9a91b31f2e981da5a7b7938c08607f3e0"
        hex"0000000000000000000000000000000000000000000000000000000000000000"
        hex"218796dd338868e7300732cf5d3925c74c1badd0a32d8b41b96e555ddfe27869"
        hex"2503f642cfcb5f06e1a18c68efca3c0672ed26edfc7e6e77513ba7a4c660ab53"
        hex"2c01b6282fad3d37bdc72033b4d8da10494ac283ec74d5e63d72dbe06b4037c6"
        hex"172f5e628cc26149dcc488004690cfa55faac52708481fffb3d4cfa3808b4051"
        hex"074019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c"
        hex"14f6ab2c6caef74572f821bb82c4bda12a302be5aeb91ad1562b97b09db427d8"
        hex"0207da9637379529f714ecb391b8679e0e706aa377007317ef46da24e8f9124e"
        hex"0d1ecfc6e6ec39c56d953ff80bbbe31b5710aa74969d92b87beaf53de7935be3"
        hex"251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1"
        hex"074019237db9fbc928e4fceaf52b9ffe45ead67eab8e238cb18878e6b20b8a6c"
        hex"0619f396bf05c002eaaf0ed45e7c8b0b4e17f16dd82d3581cbb7f77a8d96a040"
        hex"270bd0d90702f430d8b6791c8182a3a4815d9191737ee18f408281c9af59bda1"
        hex"08bc377c3567d6d3730c1a753f1364ce782784b00958f80d757bdb8a62d393a8"
        hex"0be98fcf44e9d1a02c7f4d3af8c95b7ed699c2595ccb8764bfb9d7cc8418bdf1"
        hex"251e7fdf99591080080b0af133b9e4369f22e57ace3cd7f64fc6fdbcf38d7da1"
        hex"2cd71dde52edde27fd23bf30c64da594889cd351af3884d276ec7724c89f4d5c"
        hex"2986d4e79f58ce8a08871344f4a1ddf1fa558c2f59f6190552a19aff20547220"
        hex"2ccd8c7059c82c539b0ffa2419ce3cc4380ffa8b3fbcb545a2d5f422c5901ab9"
        hex"0a01776bb22f4b6b8eccff33e76fded3144fb7e3ac14e846a91e64afb1500eff"
        hex"28a13ca21c53abdd87412ad165b4635359d6b222e2883bfbf73366451d52ab09"
        hex"089eda7516c1e150044adafa50dde03c67e643fa795afed3a1f633296f764d00"
        hex"130ce78f4cb8aed6257b6816a620b4db1a70bb0acbaca5f104e4151fbbd80839"
        hex"0f7c1719f0abe5a7ad6d41831fc0f75bfd3ba5ed7c245996e243a7c24d469688";
}
