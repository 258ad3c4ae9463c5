// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

/// How a route came into BGP (RFC 4271 4.3), best first; the ordinal is the octet on the wire.
public enum Origin {
  IGP,
  EGP,
  INCOMPLETE
}
