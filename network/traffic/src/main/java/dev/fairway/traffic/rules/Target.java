// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.rules;

import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What happens to connections to a front.
public sealed interface Target {

  /// They go to endpoints.
  ///
  /// @param reach whose source addresses are kept
  /// @param affinity how long a client keeps its endpoint after its last connection; empty if each
  ///   connection may go to another
  /// @param endpoints each as likely as the others; with [Reach#LOCAL] those for pods and for the
  ///   node itself
  /// @param here with [Reach#LOCAL] the endpoints for everybody else, who are dropped if there are
  ///   none; else empty
  /// @param sources who may connect; empty if everybody may
  /// @param maglev whether a connection's addresses and ports say which endpoint it gets, by a
  ///   [MaglevTable]; not with affinity
  record Balanced(
      Reach reach,
      Optional<Duration> affinity,
      List<TransportAddress> endpoints,
      List<TransportAddress> here,
      List<Prefix> sources,
      boolean maglev)
      implements Target {
    /// At random.
    public Balanced(
        Reach reach,
        Optional<Duration> affinity,
        List<TransportAddress> endpoints,
        List<TransportAddress> here,
        List<Prefix> sources) {
      this(reach, affinity, endpoints, here, sources, false);
    }

    public Balanced {
      if (maglev && affinity.isPresent()) {
        throw new IllegalArgumentException("who keeps an endpoint does not choose by a table");
      }
      endpoints = List.copyOf(endpoints);
      here = List.copyOf(here);
      sources = List.copyOf(sources);
      if (endpoints.isEmpty() && here.isEmpty()) {
        throw new IllegalArgumentException("a balanced target has endpoints");
      }
      if (reach != Reach.LOCAL && !here.isEmpty()) {
        throw new IllegalArgumentException("only LOCAL treats some clients otherwise");
      }
    }

    public Way way() {
      return new Way(reach, affinity, places().size(), placesHere().size(), sources, maglev);
    }

    /// What a connection chooses from: the endpoints, or a table of them.
    List<TransportAddress> places() {
      return maglev ? MaglevTable.of(endpoints) : endpoints;
    }

    /// As above, for clients from outside.
    List<TransportAddress> placesHere() {
      return maglev ? MaglevTable.of(here) : here;
    }

    @Override
    public String toString() {
      return reach.word()
          + affinity.map(time -> " sticky " + time.toSeconds() + " s").orElse("")
          + (maglev ? " maglev" : "")
          + (sources.isEmpty() ? "" : " from " + join(sources))
          + " -> "
          + (endpoints.isEmpty() ? "nobody" : join(endpoints))
          + (reach == Reach.LOCAL ? ", from outside -> " + outside() : "");
    }

    private String outside() {
      return here.isEmpty() ? "nobody" : join(here);
    }

    private static String join(List<?> some) {
      return some.stream().map(Object::toString).collect(Collectors.joining(", "));
    }
  }

  /// They are answered with a reset or "port unreachable".
  record Refused() implements Target {
    @Override
    public String toString() {
      return "refused";
    }
  }

  /// They get no answer.
  record Dropped() implements Target {
    @Override
    public String toString() {
      return "dropped";
    }
  }

  /// The ways it needs.
  default List<Way> ways() {
    return switch (this) {
      case Balanced balanced when balanced.sources().isEmpty() -> List.of(balanced.way());
      case Balanced balanced -> List.of(balanced.way(), balanced.way().forAll());
      case Refused _, Dropped _ -> List.of();
    };
  }

  /// Whose source addresses are kept.
  enum Reach {
    /// Those of pods. Others come from the node.
    CLUSTER,
    /// Nobody's: an endpoint on another node would answer past this one.
    EXTERNAL,
    /// Everybody's but the node's own: who comes from outside stays on this node.
    LOCAL;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// What targets that are treated alike have in common; many share one.
  ///
  /// @param count how many places there are to choose from
  /// @param here how many for clients from outside
  /// @param maglev whether a connection's addresses and ports choose
  record Way(
      Reach reach,
      Optional<Duration> affinity,
      int count,
      int here,
      List<Prefix> sources,
      boolean maglev)
      implements Comparable<Way> {
    /// As for fronts: an agent that starts asks for it once a Service.
    @Override
    public int hashCode() {
      return 31 * (31 * (31 * reach.hashCode() + affinity.hashCode()) + count) + here;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Way that
          && count == that.count
          && here == that.here
          && reach == that.reach
          && maglev == that.maglev
          && affinity.equals(that.affinity)
          && sources.equals(that.sources);
    }

    /// A name of its own, fit for a chain.
    public String chain() {
      return reach.word()
          + "-"
          + count
          + (reach == Reach.LOCAL ? "-" + here : "")
          + affinity.map(time -> "-sticky-" + time.toSeconds()).orElse("")
          + (maglev ? "-maglev" : "")
          + (sources.isEmpty() ? "" : "-from-" + digest());
    }

    /// Long enough that nobody finds other ranges of the same name.
    private String digest() {
      try {
        byte[] text = sources.toString().getBytes(StandardCharsets.UTF_8);
        byte[] all = MessageDigest.getInstance("SHA-256").digest(text);
        return HexFormat.of().formatHex(all, 0, 10);
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-256", e);
      }
    }

    /// The same for those who may.
    public Way forAll() {
      return new Way(reach, affinity, count, here, List.of(), maglev);
    }

    @Override
    public int compareTo(Way other) {
      return chain().compareTo(other.chain());
    }
  }
}
