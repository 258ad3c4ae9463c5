// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.rib;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.bgp.rib.PathSource.Kind;
import dev.fairway.bgp.wire.AsPath;
import dev.fairway.bgp.wire.AttributesEdit;
import dev.fairway.bgp.wire.Origin;
import dev.fairway.bgp.wire.PathAttributes;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/// Which path is best, step by step; and the table against a plain map.
class DecisionTest {
  private static Path path(Kind kind, int neighbour, UnaryOperator<AttributesEdit> edit) {
    IpAddress address = IpAddress.ofIpv4(0x0a63_0000 + neighbour);
    PathSource source = new PathSource(kind, address, false, address);
    AttributesEdit plain =
        new AttributesEdit(address).asPath(AsPath.of(65000L + neighbour, 65100L));
    return new Path(source, edit.apply(plain).done(), false);
  }

  private static Path external(int neighbour, UnaryOperator<AttributesEdit> edit) {
    return path(Kind.EXTERNAL, neighbour, edit);
  }

  private static void wins(Path better, Path worse) {
    assertThat(Decision.best(new Path[] {worse, better}, 16, 16)).containsExactly(better);
    assertThat(Decision.best(new Path[] {better, worse}, 16, 16)).containsExactly(better);
  }

  @Test
  void stepByStep() {
    Path plain = external(1, e -> e);
    wins(external(2, e -> e.localPreference(Optional.of(101L))), plain);
    wins(plain, external(2, e -> e.localPreference(Optional.of(99L))));
    wins(external(2, e -> e.asPath(AsPath.of(65002L))), plain);
    wins(plain, external(2, e -> e.origin(Origin.INCOMPLETE)));
    wins(
        external(2, e -> e.asPath(AsPath.of(65001L, 1L))),
        external(3, e -> e.asPath(AsPath.of(65001L, 2L)).med(Optional.of(1L))));
    wins(plain, path(Kind.INTERNAL, 2, e -> e));
    wins(path(Kind.LOCAL, 2, e -> e.localPreference(Optional.of(1L))), plain);
  }

  @Test
  void equalOnesShareTheTraffic() {
    Path one = external(1, e -> e);
    Path two = external(2, e -> e);
    Path three = external(3, e -> e.nextHop(IpAddress.parse("10.99.0.2")));
    assertThat(Decision.best(new Path[] {three, two, one}, 16, 16)).containsExactly(one, two);
    assertThat(Decision.best(new Path[] {three, two, one}, 1, 16)).containsExactly(one);
    assertThat(Decision.best(new Path[] {two.asStale(), one}, 16, 16))
        .containsExactly(one, two.asStale());
    Path reflected = path(Kind.INTERNAL, 4, e -> e.originatorId(Optional.of(IpAddress.ofIpv4(1))));
    Path direct = path(Kind.INTERNAL, 1, e -> e);
    assertThat(Decision.best(new Path[] {direct, reflected}, 1, 1)).containsExactly(reflected);
  }

  /// MEDs compare only within one neighbouring AS; the order in which paths came must not matter.
  @Test
  void medIsDeterministic() {
    Path a = external(1, e -> e.asPath(AsPath.of(1L, 9L)).med(Optional.of(10L)));
    Path b = external(2, e -> e.asPath(AsPath.of(2L, 9L)).med(Optional.of(5L)));
    Path c = external(3, e -> e.asPath(AsPath.of(1L, 9L)).med(Optional.of(1L)));
    for (Path[] order :
        new Path[][] {{a, b, c}, {c, b, a}, {b, a, c}, {a, c, b}, {b, c, a}, {c, a, b}}) {
      assertThat(Decision.best(order, 16, 16)).containsExactly(b, c);
    }
  }

  @Test
  void tableAgainstAPlainMap() {
    Random random = new Random(42);
    List<Prefix> told = new ArrayList<>();
    RouteTable table = new RouteTable(16, 16, destination -> told.add(destination.prefix()));
    PathSource[] sources = new PathSource[4];
    for (int i = 0; i < sources.length; i++) {
      IpAddress address = IpAddress.ofIpv4(i + 1);
      sources[i] = new PathSource(Kind.EXTERNAL, address, false, address);
    }
    Map<Prefix, Map<PathSource, PathAttributes>> plain = new HashMap<>();
    for (int step = 0; step < 50_000; step++) {
      Prefix prefix = new Prefix(IpAddress.ofIpv4(random.nextInt(400) << 20), 12);
      PathSource source = sources[random.nextInt(sources.length)];
      if (random.nextInt(3) > 0) {
        PathAttributes attributes =
            PathAttributes.of(Origin.IGP, AsPath.of(1L + random.nextInt(5)), source.address());
        boolean added = table.put(source, prefix, table.share(attributes));
        assertThat(
                plain.computeIfAbsent(prefix, p -> new HashMap<>()).put(source, attributes) == null)
            .isEqualTo(added);
      } else {
        Map<PathSource, PathAttributes> paths = plain.getOrDefault(prefix, new HashMap<>());
        assertThat(table.remove(source, prefix)).isEqualTo(paths.remove(source) != null);
        if (paths.isEmpty()) {
          plain.remove(prefix);
        }
      }
    }
    assertThat(table.size()).isEqualTo(plain.size());
    for (Destination destination : table.all()) {
      assertThat(destination.best().length).isEqualTo(plain.get(destination.prefix()).size());
    }
    assertThat(told).isNotEmpty();
    for (PathSource source : sources) {
      table.makeStale(source);
      table.removeAll(source, true);
    }
    assertThat(table.size()).isZero();
  }
}
