// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.bgp.policy.Policy;
import dev.fairway.bgp.rib.Path;
import dev.fairway.bgp.rib.PathSource;
import dev.fairway.bgp.rib.PathSource.Kind;
import dev.fairway.bgp.wire.AttributesEdit;
import dev.fairway.bgp.wire.Community;
import dev.fairway.bgp.wire.ExtendedCommunity;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.bgp.wire.SessionTerms;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What one neighbour is told of a best path (RFC 4271 5.1 and 9.1.3, RFC 4456 8). Pure.
///
/// @param settings ours
/// @param profile of the neighbour
/// @param to the neighbour, as a source of paths
/// @param terms what was agreed with it
/// @param local our end of the connection
/// @param policy what is told at all
record Export(
    BgpSettings settings,
    PeerProfile profile,
    PathSource to,
    SessionTerms terms,
    IpAddress local,
    Policy policy) {
  private static final long USUAL_PREFERENCE = 100;

  /// The own origin of a path that has no next hop yet.
  static final IpAddress SELF = IpAddress.ofIpv4(0);

  /// Before the neighbour's part in it: what does not depend on more than the path itself may be
  /// shared by prefixes. Empty if the neighbour is not told.
  Optional<PathAttributes> admit(Prefix prefix, Path path) {
    if (path.source() == to || !mayPass(path)) {
      return Optional.empty();
    }
    PathAttributes attributes = path.attributes();
    if (attributes.communities().contains(Community.NO_ADVERTISE)) {
      return Optional.empty();
    }
    boolean external = !terms.internal();
    if (external
        && (attributes.communities().contains(Community.NO_EXPORT)
            || attributes.communities().contains(Community.NO_EXPORT_SUBCONFED))) {
      return Optional.empty();
    }
    return policy.apply(prefix, attributes);
  }

  /// What comes from inside is handed on inside only by a reflector, to or from a client.
  private boolean mayPass(Path path) {
    return path.source().kind() != Kind.INTERNAL
        || !terms.internal()
        || path.source().reflectorClient()
        || profile.reflectorClient();
  }

  /// The attributes as they are sent. Empty if there is no next hop that the neighbour understands.
  Optional<PathAttributes> send(IpFamily family, PathSource from, PathAttributes admitted) {
    Optional<IpAddress> hop = nextHop(family, from, admitted);
    if (hop.isEmpty()) {
      return Optional.empty();
    }
    AttributesEdit edit = admitted.edit().nextHop(hop.get());
    if (!hop.get().equals(admitted.nextHop())) {
      edit.linkLocal(Optional.empty());
    }
    if (terms.internal()) {
      edit.localPreference(Optional.of(admitted.localPreference().orElse(USUAL_PREFERENCE)));
      if (from.kind() == Kind.INTERNAL) {
        List<IpAddress> clusters = new ArrayList<>();
        clusters.add(settings.clusterId().orElse(settings.routerId()));
        clusters.addAll(admitted.clusterList());
        edit.clusterList(clusters)
            .originatorId(Optional.of(admitted.originatorId().orElse(from.routerId())));
      }
      return Optional.of(edit.done());
    }
    // A MED of another AS ends here; one that a filter or we ourselves set is for the neighbour.
    boolean foreignMed =
        from.kind() != Kind.LOCAL
            && policy.rules().stream()
                .allMatch(rule ->
                    rule.changes().stream()
                        .noneMatch(c -> c instanceof dev.fairway.bgp.policy.Change.SetMed));
    if (foreignMed) {
      edit.med(Optional.empty());
    }
    return Optional.of(
        edit.asPath(admitted.asPath().prepend(settings.localAs(), 1))
            .localPreference(Optional.empty())
            .originatorId(Optional.empty())
            .clusterList(List.of())
            .extendedCommunities(
                admitted.extendedCommunities().stream()
                    .filter(ExtendedCommunity::transitive)
                    .toList())
            .done());
  }

  private Optional<IpAddress> nextHop(IpFamily family, PathSource from, PathAttributes admitted) {
    IpAddress told = admitted.nextHop();
    boolean keep =
        from.kind() == Kind.LOCAL
            ? !told.isUnspecified()
            : terms.internal() && (from.kind() == Kind.INTERNAL || !profile.nextHopSelf());
    if (keep) {
      return Optional.of(told).filter(hop -> understood(family, hop));
    }
    if (local.family() == family) {
      return Optional.of(local);
    }
    for (IpAddress own : settings.nextHops()) {
      if (own.family() == family) {
        return Optional.of(own);
      }
    }
    return Optional.of(local).filter(hop -> understood(family, hop));
  }

  private boolean understood(IpFamily family, IpAddress hop) {
    return hop.family() == family || (family == IpFamily.IPV4 && terms.extendedNextHop());
  }
}
