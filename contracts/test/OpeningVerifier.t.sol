// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";
import {OpeningVerifier} from "../src/OpeningVerifier.sol";
import {Bn254} from "../src/libraries/Bn254.sol";

/// @dev What a caller of the library does: one product of two pairings.
contract OpeningHarness {
    error Rejected();

    function reduce(
        bytes calldata opening,
        uint256[] memory point,
        uint256 value,
        uint256[2] memory commitment,
        bytes32 seed
    ) public view returns (uint256[4] memory) {
        return OpeningVerifier.verify(opening, point, value, commitment, seed);
    }

    function check(
        bytes calldata opening,
        uint256[] memory point,
        uint256 value,
        uint256[2] memory commitment,
        bytes32 seed,
        uint256[4] memory tau
    ) external view {
        uint256[4] memory sides = reduce(opening, point, value, commitment, seed);
        uint256[] memory pairs = new uint256[](12);
        (pairs[0], pairs[1]) = (sides[0], sides[1]);
        (pairs[2], pairs[3]) = (Bn254.G2_X1, Bn254.G2_X0);
        (pairs[4], pairs[5]) = (Bn254.G2_Y1, Bn254.G2_Y0);
        (pairs[6], pairs[7]) = (sides[2], Bn254.negate(sides[3]));
        for (uint256 i = 0; i < 4; ++i) {
            pairs[8 + i] = tau[i];
        }
        if (!Bn254.pairingIsOne(pairs)) revert Rejected();
    }
}

contract OpeningVerifierTest is Test {
    struct Case {
        uint256[] point;
        uint256 value;
        uint256[2] commitment;
        bytes32 seed;
        bytes opening;
    }

    uint256 private constant CASES = 6;
    OpeningHarness private harness;
    string private fixture;
    uint256[4] private tau;

    function setUp() public {
        harness = new OpeningHarness();
        fixture = vm.readFile("test/fixtures/opening.json");
        uint256[] memory words = vm.parseJsonUintArray(fixture, ".tau");
        for (uint256 i = 0; i < 4; ++i) {
            tau[i] = words[i];
        }
    }

    function _case(uint256 index) private view returns (Case memory c) {
        string memory path = string.concat(".openings[", vm.toString(index), "]");
        c.point = vm.parseJsonUintArray(fixture, string.concat(path, ".point"));
        c.value = vm.parseJsonUint(fixture, string.concat(path, ".value"));
        uint256[] memory commitment =
            vm.parseJsonUintArray(fixture, string.concat(path, ".commitment"));
        c.commitment = [commitment[0], commitment[1]];
        c.seed = vm.parseJsonBytes32(fixture, string.concat(path, ".seed"));
        c.opening = vm.parseJsonBytes(fixture, string.concat(path, ".opening"));
    }

    function _check(Case memory c) private view {
        harness.check(c.opening, c.point, c.value, c.commitment, c.seed, tau);
    }

    function _accepted(Case memory c) private view returns (bool) {
        try harness.check(c.opening, c.point, c.value, c.commitment, c.seed, tau) {
            return true;
        } catch {
            return false;
        }
    }

    function _setWord(bytes memory data, uint256 index, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), shl(5, index)), word)
        }
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), shl(5, index)))
        }
    }

    function test_openings_of_the_prover_are_accepted() public view {
        for (uint256 i = 0; i < CASES; ++i) {
            _check(_case(i));
        }
    }

    function test_no_word_can_be_altered() public view {
        for (uint256 i = 0; i < CASES; ++i) {
            Case memory c = _case(i);
            for (uint256 index = 0; index < OpeningVerifier.LENGTH / 32; ++index) {
                uint256 word = _word(c.opening, index);
                uint256[4] memory others =
                    [addmod(word, 1, Bn254.R), word ^ 1 << 255, 0, type(uint256).max];
                for (uint256 k = 0; k < others.length; ++k) {
                    if (others[k] == word) continue;
                    _setWord(c.opening, index, others[k]);
                    assertFalse(_accepted(c));
                }
                _setWord(c.opening, index, word);
            }
            _check(c);
        }
    }

    function test_no_point_can_be_another() public {
        uint8[7] memory places = [0, 2, 4, 6, 8, 16, 18];
        for (uint256 i = 0; i < CASES; ++i) {
            Case memory c = _case(i);
            for (uint256 k = 0; k < places.length; ++k) {
                (uint256 x, uint256 y) =
                    (_word(c.opening, places[k]), _word(c.opening, places[k] + 1));
                // the generator, the neutral element and the negative
                uint256[2][3] memory others = [[uint256(1), 2], [uint256(0), 0], [x, Bn254.P - y]];
                for (uint256 j = 0; j < others.length; ++j) {
                    // With one variable q is neutral, its own negative.
                    if ((others[j][0] == x && others[j][1] == y) || (j == 2 && (x | y) == 0)) {
                        continue;
                    }
                    _setWord(c.opening, places[k], others[j][0]);
                    _setWord(c.opening, places[k] + 1, others[j][1]);
                    vm.expectRevert(OpeningHarness.Rejected.selector);
                    _check(c);
                }
                _setWord(c.opening, places[k], x);
                _setWord(c.opening, places[k] + 1, y);
            }
        }
    }

    function test_no_part_of_the_statement_can_be_another() public view {
        for (uint256 i = 0; i < CASES; ++i) {
            Case memory c = _case(i);
            c.value = addmod(c.value, 1, Bn254.R);
            assertFalse(_accepted(c));
            c.value = _case(i).value;
            c.seed = bytes32(uint256(c.seed) + 1);
            assertFalse(_accepted(c));
            c.seed = _case(i).seed;
            c.commitment = [uint256(1), 2];
            assertFalse(_accepted(c));
            c.commitment = _case(i).commitment;
            for (uint256 k = 0; k < c.point.length; ++k) {
                uint256 before = c.point[k];
                c.point[k] = addmod(before, 1, Bn254.R);
                assertFalse(_accepted(c));
                c.point[k] = before;
            }
            _check(c);
        }
    }

    function test_lengths_are_checked() public {
        Case memory c = _case(2);
        bytes memory whole = c.opening;
        uint16[4] memory lengths = [0, 639, 641, 1280];
        for (uint256 i = 0; i < lengths.length; ++i) {
            c.opening = new bytes(lengths[i]);
            vm.expectRevert(
                abi.encodeWithSelector(OpeningVerifier.OpeningLength.selector, 640, lengths[i])
            );
            _check(c);
        }
        c.opening = whole;
        uint8[2] memory counts = [0, 29];
        for (uint256 i = 0; i < counts.length; ++i) {
            c.point = new uint256[](counts[i]);
            vm.expectRevert(
                abi.encodeWithSelector(OpeningVerifier.OpeningVariables.selector, counts[i])
            );
            _check(c);
        }
    }

    function test_points_and_scalars_are_checked() public {
        Case memory c = _case(2);
        for (uint256 index = 0; index < 20; ++index) {
            uint256 word = _word(c.opening, index);
            if (index >= 10 && index < 16) {
                _setWord(c.opening, index, word + Bn254.R);
                vm.expectRevert(
                    abi.encodeWithSelector(Bn254.ScalarNotReduced.selector, word + Bn254.R)
                );
            } else {
                // The same coordinate, not reduced.
                _setWord(c.opening, index, word + Bn254.P);
                uint256 first = index - index % 2;
                vm.expectRevert(
                    abi.encodeWithSelector(
                        Bn254.PointNotOnCurve.selector,
                        _word(c.opening, first),
                        _word(c.opening, first + 1)
                    )
                );
            }
            _check(c);
            _setWord(c.opening, index, word);
        }
    }

    function testFuzz_no_byte_can_be_altered(uint256 index, uint256 place, uint8 with) public view {
        Case memory c = _case(index % CASES);
        place %= c.opening.length;
        with = uint8(bound(with, 1, 255));
        c.opening[place] = c.opening[place] ^ bytes1(with);
        assertFalse(_accepted(c));
    }

    function testFuzz_arbitrary_words_are_rejected(uint256[20] memory words, uint8 variables)
        public
        view
    {
        Case memory c = _case(2);
        for (uint256 i = 0; i < 20; ++i) {
            uint256 word = i < 10 || i > 15 ? words[i] % Bn254.P : words[i] % Bn254.R;
            _setWord(c.opening, i, word);
        }
        c.point = new uint256[](variables);
        assertFalse(_accepted(c));
    }
}
