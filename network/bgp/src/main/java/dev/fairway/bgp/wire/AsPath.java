// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The ASes that a route came through, the nearest first (RFC 4271 4.3). Segments of confederations
/// are no part of it: they are malformed where there are none (RFC 5065 5).
public record AsPath(List<Segment> segments) {
  /// Of a route that begins in the own AS.
  public static final AsPath EMPTY = new AsPath(List.of());

  private static final int LONGEST_SEGMENT = 255;

  /// What a segment is; see [#code].
  public enum Kind {
    /// In any order: what was aggregated.
    SET(1),
    SEQUENCE(2);

    private final int code;

    Kind(int code) {
      this.code = code;
    }

    /// The octet on the wire.
    public int code() {
      return code;
    }
  }

  /// A part of the path.
  ///
  /// @param ases 1 to 255 AS numbers
  public record Segment(Kind kind, List<Long> ases) {
    public Segment {
      ases = List.copyOf(ases);
      if (ases.isEmpty() || ases.size() > LONGEST_SEGMENT) {
        throw new IllegalArgumentException("an AS path segment has 1 to 255 ASes");
      }
    }
  }

  public AsPath {
    segments = List.copyOf(segments);
  }

  /// A plain sequence.
  public static AsPath of(Long... ases) {
    return ases.length == 0
        ? EMPTY
        : new AsPath(List.of(new Segment(Kind.SEQUENCE, List.of(ases))));
  }

  /// How long it counts: a set as one (RFC 4271 9.1.2.2).
  public int length() {
    int length = 0;
    for (Segment segment : segments) {
      length +=
          switch (segment.kind) {
            case SEQUENCE -> segment.ases.size();
            case SET -> 1;
          };
    }
    return length;
  }

  public boolean contains(long as) {
    for (Segment segment : segments) {
      if (segment.ases.contains(as)) {
        return true;
      }
    }
    return false;
  }

  /// The neighbouring AS: the first one of a leading sequence.
  public Optional<Long> first() {
    if (segments.isEmpty() || segments.getFirst().kind != Kind.SEQUENCE) {
      return Optional.empty();
    }
    return Optional.of(segments.getFirst().ases.getFirst());
  }

  /// Where the route began: the last one of a trailing sequence.
  public Optional<Long> last() {
    if (segments.isEmpty() || segments.getLast().kind != Kind.SEQUENCE) {
      return Optional.empty();
    }
    return Optional.of(segments.getLast().ases.getLast());
  }

  /// The path with an AS put in front, some times over (RFC 4271 5.1.2).
  public AsPath prepend(long as, int times) {
    AsPath path = this;
    for (int i = 0; i < times; i++) {
      path = path.prepend(as);
    }
    return path;
  }

  private AsPath prepend(long as) {
    List<Segment> longer = new ArrayList<>(segments);
    List<Long> ases = new ArrayList<>();
    ases.add(as);
    if (!longer.isEmpty()
        && longer.getFirst().kind == Kind.SEQUENCE
        && longer.getFirst().ases.size() < LONGEST_SEGMENT) {
      ases.addAll(longer.removeFirst().ases);
    }
    longer.addFirst(new Segment(Kind.SEQUENCE, ases));
    return new AsPath(longer);
  }

  /// As people write it: `65001 65002 {65003,65004}`.
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Segment segment : segments) {
      boolean set = segment.kind == Kind.SET;
      text.append(text.isEmpty() ? "" : " ").append(set ? "{" : "");
      String between = "";
      for (long as : segment.ases) {
        text.append(between).append(as);
        between = set ? "," : " ";
      }
      text.append(set ? "}" : "");
    }
    return text.toString();
  }
}
