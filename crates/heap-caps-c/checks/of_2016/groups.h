/* The group of the program with regions of 2016.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
GROUP(of_2016)
