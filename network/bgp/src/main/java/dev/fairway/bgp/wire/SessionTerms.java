// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.net.IpFamily;
import java.util.Set;

/// What both sides of a session agreed on, as far as bytes depend on it.
///
/// @param internal whether both are in one AS
/// @param fourOctetAs whether AS numbers have 4 octets (RFC 6793)
/// @param longestMessage 4096, or 65535 (RFC 8654)
/// @param families what routes are exchanged
/// @param extendedNextHop whether IPv4 routes may have IPv6 next hops (RFC 8950)
public record SessionTerms(
    boolean internal,
    boolean fourOctetAs,
    int longestMessage,
    Set<IpFamily> families,
    boolean extendedNextHop) {
  public static final int USUAL_LONGEST = 4096;
  public static final int EXTENDED_LONGEST = 65535;

  public SessionTerms {
    families = Set.copyOf(families);
  }
}
