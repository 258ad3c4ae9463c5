// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import static dev.fairway.bgp.wire.Octets.u16;
import static dev.fairway.bgp.wire.Octets.u32;
import static dev.fairway.bgp.wire.Octets.u8;

import dev.fairway.bgp.wire.AsPath.Kind;
import dev.fairway.bgp.wire.AsPath.Segment;
import dev.fairway.bgp.wire.PathAttributes.Aggregator;
import dev.fairway.net.IpAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The values of one message's attributes, each read by RFC 7606 7.
final class AttributeValues {
  /// What becomes of an attribute.
  enum Result {
    OK,
    /// Left out.
    DISCARD,
    /// Its routes count as withdrawn.
    WITHDRAW
  }

  private final SessionTerms terms;
  private Origin origin = Origin.INCOMPLETE;
  private AsPath asPath = AsPath.EMPTY;
  private @Nullable AsPath wideAsPath;
  private Optional<Long> med = Optional.empty();
  private Optional<Long> localPreference = Optional.empty();
  private boolean atomicAggregate;
  private Optional<Aggregator> aggregator = Optional.empty();
  private Optional<Aggregator> wideAggregator = Optional.empty();
  private List<Community> communities = List.of();
  private List<ExtendedCommunity> extendedCommunities = List.of();
  private List<LargeCommunity> largeCommunities = List.of();
  private Optional<IpAddress> originatorId = Optional.empty();
  private List<IpAddress> clusterList = List.of();

  @Nullable IpAddress nextHop;
  final List<UnknownAttribute> unknown = new ArrayList<>();

  AttributeValues(SessionTerms terms) {
    this.terms = terms;
  }

  PathAttributes with(IpAddress hop, Optional<IpAddress> linkLocal) {
    boolean wideCounts =
        !terms.fourOctetAs()
            && aggregator.map(a -> a.as() == Octets.AS_TRANS).orElse(true); // RFC 6793 4.2.3
    return new PathAttributes(
        origin,
        wideCounts && wideAsPath != null ? merge(asPath, wideAsPath) : asPath,
        hop,
        linkLocal,
        med,
        localPreference,
        atomicAggregate,
        wideCounts && wideAggregator.isPresent() ? wideAggregator : aggregator,
        communities,
        extendedCommunities,
        largeCommunities,
        originatorId,
        clusterList,
        unknown);
  }

  static boolean mayBeNextHop(IpAddress address) {
    return !address.isUnspecified() && !address.isMulticast() && !address.isLoopback();
  }

  Result read(AttributeType type, ByteBuffer from) {
    int length = from.remaining();
    return switch (type) {
      case ORIGIN -> {
        if (length != 1 || from.get(from.position()) < 0 || from.get(from.position()) > 2) {
          yield Result.WITHDRAW;
        }
        origin =
            switch (u8(from)) {
              case 0 -> Origin.IGP;
              case 1 -> Origin.EGP;
              default -> Origin.INCOMPLETE;
            };
        yield Result.OK;
      }
      case AS_PATH -> {
        AsPath path = asPath(from, terms.fourOctetAs() ? 4 : 2);
        asPath = path == null ? asPath : path;
        yield path == null ? Result.WITHDRAW : Result.OK;
      }
      case NEXT_HOP -> {
        if (length != 4) {
          yield Result.WITHDRAW;
        }
        nextHop = Octets.ipv4(from);
        yield mayBeNextHop(nextHop) ? Result.OK : Result.WITHDRAW;
      }
      case MED -> {
        if (length != 4) {
          yield Result.WITHDRAW;
        }
        med = Optional.of(u32(from));
        yield Result.OK;
      }
      case ATOMIC_AGGREGATE -> {
        atomicAggregate = length == 0;
        yield atomicAggregate ? Result.OK : Result.DISCARD;
      }
      case LOCAL_PREFERENCE, ORIGINATOR_ID, CLUSTER_LIST ->
          terms.internal() ? readInternal(type, from) : Result.DISCARD;
      case COMMUNITIES, EXTENDED_COMMUNITIES, LARGE_COMMUNITIES -> readMarks(type, from);
      case AGGREGATOR, AS4_PATH, AS4_AGGREGATOR -> readWide(type, from);
      case MP_REACH, MP_UNREACH -> throw new IllegalArgumentException(type.name());
    };
  }

  private Result readInternal(AttributeType type, ByteBuffer from) {
    if (type == AttributeType.CLUSTER_LIST) {
      if (from.remaining() == 0 || from.remaining() % 4 != 0) {
        return Result.WITHDRAW;
      }
      clusterList = new ArrayList<>();
      while (from.hasRemaining()) {
        clusterList.add(Octets.ipv4(from));
      }
      return Result.OK;
    }
    if (from.remaining() != 4) {
      return Result.WITHDRAW;
    }
    if (type == AttributeType.LOCAL_PREFERENCE) {
      localPreference = Optional.of(u32(from));
    } else {
      originatorId = Optional.of(Octets.ipv4(from));
    }
    return Result.OK;
  }

  private Result readMarks(AttributeType type, ByteBuffer from) {
    int size =
        switch (type) {
          case COMMUNITIES -> 4;
          case EXTENDED_COMMUNITIES -> 8;
          default -> 12;
        };
    if (from.remaining() == 0 || from.remaining() % size != 0) {
      return Result.WITHDRAW;
    }
    if (size == 4) {
      communities = new ArrayList<>(from.remaining() / size);
    } else if (size == 8) {
      extendedCommunities = new ArrayList<>(from.remaining() / size);
    } else {
      largeCommunities = new ArrayList<>(from.remaining() / size);
    }
    while (from.hasRemaining()) {
      if (size == 4) {
        communities.add(new Community(from.getInt()));
      } else if (size == 8) {
        extendedCommunities.add(new ExtendedCommunity(from.getLong()));
      } else {
        largeCommunities.add(new LargeCommunity(from.getInt(), from.getInt(), from.getInt()));
      }
    }
    return Result.OK;
  }

  private Result readWide(AttributeType type, ByteBuffer from) {
    if (type == AttributeType.AGGREGATOR) {
      if (from.remaining() != (terms.fourOctetAs() ? 8 : 6)) {
        return Result.DISCARD;
      }
      aggregator =
          Optional.of(
              new Aggregator(terms.fourOctetAs() ? u32(from) : u16(from), Octets.ipv4(from)));
      return Result.OK;
    }
    if (terms.fourOctetAs()) {
      return Result.DISCARD; // RFC 6793 4.1
    }
    if (type == AttributeType.AS4_PATH) {
      wideAsPath = asPath(from, 4);
      return wideAsPath == null ? Result.DISCARD : Result.OK;
    }
    if (from.remaining() != 8) {
      return Result.DISCARD;
    }
    wideAggregator = Optional.of(new Aggregator(u32(from), Octets.ipv4(from)));
    return Result.OK;
  }

  /// Null if a segment is cut, empty or of an unknown kind, or holds AS 0 (RFC 7607).
  private static @Nullable AsPath asPath(ByteBuffer from, int asOctets) {
    List<Segment> segments = new ArrayList<>();
    while (from.hasRemaining()) {
      if (from.remaining() < 2) {
        return null;
      }
      int kind = u8(from);
      int count = u8(from);
      if ((kind != Kind.SET.code() && kind != Kind.SEQUENCE.code())
          || count == 0
          || count * asOctets > from.remaining()) {
        return null;
      }
      List<Long> ases = new ArrayList<>(count);
      for (int i = 0; i < count; i++) {
        long as = asOctets == 4 ? u32(from) : u16(from);
        if (as == 0) {
          return null;
        }
        ases.add(as);
      }
      segments.add(new Segment(kind == Kind.SET.code() ? Kind.SET : Kind.SEQUENCE, ases));
    }
    return segments.isEmpty() ? AsPath.EMPTY : new AsPath(segments);
  }

  /// The narrow path's beginning, as far as it is longer, and then the wide one (RFC 6793 4.2.3).
  private static AsPath merge(AsPath narrow, AsPath wide) {
    int ahead = narrow.length() - wide.length();
    if (ahead < 0) {
      return narrow;
    }
    List<Segment> merged = new ArrayList<>();
    for (Segment segment : narrow.segments()) {
      if (ahead <= 0) {
        break;
      }
      if (segment.kind() == Kind.SET || segment.ases().size() <= ahead) {
        merged.add(segment);
        ahead -= segment.kind() == Kind.SET ? 1 : segment.ases().size();
      } else {
        merged.add(new Segment(Kind.SEQUENCE, segment.ases().subList(0, ahead)));
        ahead = 0;
      }
    }
    for (Segment segment : wide.segments()) {
      boolean joins =
          !merged.isEmpty()
              && merged.getLast().kind() == Kind.SEQUENCE
              && segment.kind() == Kind.SEQUENCE
              && merged.getLast().ases().size() + segment.ases().size() <= 255;
      if (joins) {
        List<Long> ases = new ArrayList<>(merged.removeLast().ases());
        ases.addAll(segment.ases());
        merged.add(new Segment(Kind.SEQUENCE, ases));
      } else {
        merged.add(segment);
      }
    }
    return new AsPath(merged);
  }
}
