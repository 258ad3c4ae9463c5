// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import dev.fairway.net.IpFamily;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Something that a speaker can (RFC 5492).
public sealed interface Capability {
  /// Routes of this family, unicast (RFC 4760).
  record MultiProtocol(IpFamily family) implements Capability {}

  /// RFC 2918.
  record RouteRefresh() implements Capability {}

  /// RFC 7313.
  record EnhancedRouteRefresh() implements Capability {}

  /// RFC 6793.
  record FourOctetAs(long as) implements Capability {}

  /// Messages of up to 65535 octets (RFC 8654).
  record ExtendedMessages() implements Capability {}

  /// Next hops of IPv6 for IPv4 routes (RFC 8950).
  record ExtendedNextHop() implements Capability {}

  /// RFC 4724.
  ///
  /// @param restarting whether the sender has just restarted
  /// @param seconds how long it may take to come back, 0 to 4095
  /// @param preserved the families it speaks of, and whether packets flow on meanwhile
  record GracefulRestart(boolean restarting, int seconds, Map<IpFamily, Boolean> preserved)
      implements Capability {
    public GracefulRestart {
      preserved = Map.copyOf(preserved);
    }

    /// Families whose routes may be kept.
    public Set<IpFamily> families() {
      return preserved.keySet();
    }
  }

  /// Any other.
  record Unknown(int code, byte[] value) implements Capability {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Unknown that && code == that.code && Arrays.equals(value, that.value);
    }

    @Override
    public int hashCode() {
      return 31 * code + Arrays.hashCode(value);
    }

    @Override
    public String toString() {
      return "capability " + code;
    }
  }

  /// In a few words, for people.
  default String words() {
    return switch (this) {
      case MultiProtocol(IpFamily family) -> family == IpFamily.IPV4 ? "IPv4" : "IPv6";
      case RouteRefresh() -> "route refresh";
      case EnhancedRouteRefresh() -> "enhanced route refresh";
      case FourOctetAs(long as) -> "4-octet AS " + as;
      case ExtendedMessages() -> "extended messages";
      case ExtendedNextHop() -> "extended next hop";
      case GracefulRestart restart -> "graceful restart " + restart.seconds() + " s";
      case Unknown(int code, byte[] _) -> "capability " + code;
    };
  }
}
