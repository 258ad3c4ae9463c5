// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.NoAddress;
import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.api.model.LabelSelectorBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Pools, blocks and pods' wishes: what is read, what is refused, what is chosen.
final class PoolTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "10.201.0.0/16   |     |                | | 26",
        "10.201.0.0/28   |     |                | | 28",
        "fd00:201::/48   |     |                | Allowed | 122",
        "10.201.0.0/16   | 20  | 10.201.0.9     | Forbidden | 20",
        "fd00:201::/64   | 116 | fd00:201::/72  | | 116",
      })
  void readsPools(
      String cidr,
      @Nullable Integer blockSize,
      @Nullable String reserved,
      @Nullable String borrowing,
      int length) {
    Pool pool = Pool.of(pool("p", cidr, blockSize, reserved, borrowing, null));
    assertThat(pool.blockLength()).isEqualTo(length);
    assertThat(pool.lends()).isEqualTo("Allowed".equals(borrowing));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "                |     |               |       | spec.cidr is missing",
        "nonsense        |     |               |       | spec.cidr: \"nonsense\" is not a prefix",
        "10.201.0.7/16   |     |               |       | spec.cidr: 10.201.0.7/16 begins inside",
        "224.0.0.0/8     |     |               |       | is not for pods",
        "127.0.0.0/16    |     |               |       | is not for pods",
        "fe80::/64       |     |               |       | is not for pods",
        "10.201.0.0/16   | 12  |               |       | spec.blockSize",
        "10.201.0.0/16   | 31  |               |       | spec.blockSize",
        "10.201.0.0/31   |     |               |       | spec.cidr: 10.201.0.0/31 is smaller than",
        "fd00:201::/48   | 64  |               |       | spec.blockSize",
        "10.201.0.0/24   |     | 10.202.0.1    |       | spec.reserved: 10.202.0.1 is outside",
        "10.201.0.0/24   |     | ten           |       | spec.reserved: \"ten\" is not",
        "10.201.0.0/24   |     |               | Maybe | spec.borrowing: Maybe is not",
      })
  void refusesPools(
      @Nullable String cidr,
      @Nullable Integer blockSize,
      @Nullable String reserved,
      @Nullable String borrowing,
      String message) {
    AddressPool object = pool("odd", cidr, blockSize, reserved, borrowing, null);
    assertThatThrownBy(() -> Pool.of(object))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("AddressPool odd: ")
        .hasMessageContaining(message);
    assertThat(PoolTable.of(List.of(object), Map.of()).problems()).hasSize(1);
  }

  @Test
  void aPoolStaysApartFromServicesAndMachines() {
    PoolTable table =
        PoolTable.of(
            List.of(
                pool("good", "10.201.0.0/24", null, null, null, null),
                pool("services", "10.32.128.0/17", null, null, null, null),
                pool("machines", "10.240.0.0/24", null, null, null, null)),
            Map.of(),
            Map.of(
                Prefix.parse("10.32.0.0/16"),
                "the addresses of Services, 10.32.0.0/16",
                Prefix.parse("10.240.0.20/32"),
                "the address 10.240.0.20 of a machine"));
    assertThat(table.pools()).extracting(Pool::name).containsExactly("good");
    assertThat(table.problems())
        .containsExactly(
            "AddressPool machines: spec.cidr overlaps the address 10.240.0.20 of a machine; not used",
            "AddressPool services: spec.cidr overlaps the addresses of Services, 10.32.0.0/16; not used");
  }

  @Test
  void theMostExactPoolIsChosen() throws Exception {
    LabelSelector team = new LabelSelectorBuilder().addToMatchLabels("team", "a").build();
    LabelSelector notWest =
        new LabelSelectorBuilder()
            .addNewMatchExpression()
            .withKey("west")
            .withOperator("DoesNotExist")
            .endMatchExpression()
            .build();
    AddressPool mine = pool("mine", "10.203.0.0/24", null, null, null, team);
    AddressPool east = pool("east", "10.202.0.0/24", null, null, null, null);
    AddressPool.Spec spec = east.getSpec();
    east.setSpec(new AddressPool.Spec(spec.cidr(), null, null, notWest, null, null, null));
    PoolTable table =
        PoolTable.of(
            List.of(mine, east, pool("any", "10.201.0.0/24", null, null, null, null)), Map.of());
    assertThat(chosen(table, Map.of(), Map.of("west", ""))).containsExactly("any");
    assertThat(chosen(table, Map.of(), Map.of())).containsExactly("east");
    assertThat(chosen(table, Map.of("team", "a"), Map.of())).containsExactly("mine");
    assertThat(table.choose(wish(Map.of()), IpFamily.IPV6, Map.of())).isEmpty();
  }

  private static List<String> chosen(
      PoolTable table, Map<String, String> namespace, Map<String, String> node) throws NoAddress {
    return table.choose(wish(namespace), IpFamily.IPV4, node).stream().map(Pool::name).toList();
  }

  private static PodWish wish(Map<String, String> namespaceLabels) {
    return new PodWish(List.of(), List.of(), namespaceLabels);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{}",
        "[1]",
        "[\"\"]",
        "[\"10.1.1.1\"",
        "10.1.1.1",
        "[\"10.1.1\"]",
        "[\"10.1.1.1/32\"]",
        "[\"10.1.1.1\",\"10.1.1.2\"]",
        "null",
        "[null]",
        "[[]]"
      })
  void annotationsThatMakeNoSenseAreSaid(String text) {
    assertThatThrownBy(() -> PodWish.of(Map.of(PodWish.ADDRESSES, text), Map.of()))
        .isInstanceOfSatisfying(
            NoAddress.class, e -> assertThat(e.reason()).isEqualTo(NoAddress.Reason.BAD_ANNOTATION))
        .hasMessageContaining(PodWish.ADDRESSES);
  }

  @Test
  void anyAnnotationIsReadOrRefused() throws Exception {
    Random random = new Random(3);
    String good = "[\"10.201.0.9\",\"fd00:201::9\"]";
    assertThat(PodWish.of(Map.of(PodWish.ADDRESSES, good), Map.of()).addresses()).hasSize(2);
    for (int round = 0; round < 20_000; round++) {
      StringBuilder bad = new StringBuilder(good);
      for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
        int at = random.nextInt(bad.length());
        if (random.nextBoolean()) {
          bad.setCharAt(at, (char) random.nextInt(0x250));
        } else {
          bad.deleteCharAt(at);
        }
      }
      try {
        assertThat(PodWish.of(Map.of(PodWish.ADDRESSES, bad.toString()), Map.of()).addresses())
            .hasSizeLessThanOrEqualTo(2);
      } catch (NoAddress e) {
        assertThat(e.reason()).isEqualTo(NoAddress.Reason.BAD_ANNOTATION);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.201.0.0/24", "fd00:201::/116"})
  void everyBlockIsFoundOnceWhateverIsReservedInBetween(String cidr) {
    Prefix all = Prefix.parse(cidr);
    int blockLength = all.family().addressBits() - 4;
    Prefix reserved = all.subnet(all.length() + 1, 1);
    Pool pool = Pool.of(pool("p", cidr, blockLength, reserved.toString(), null, null));
    for (String node : List.of("worker-0", "worker-1", "")) {
      TreeMap<Prefix, Block> taken = new TreeMap<>();
      Set<Prefix> found = new HashSet<>();
      while (true) {
        Optional<Prefix> next = BlockChoice.unclaimed(pool, taken, Set.of(), node);
        if (next.isEmpty()) {
          break;
        }
        assertThat(found.add(next.get())).isTrue();
        assertThat(reserved.overlaps(next.get())).isFalse();
        taken.put(next.get(), new Block(next.get(), "p", "x", 16, Map.of()));
      }
      assertThat(found).hasSize(1 << (blockLength - all.length() - 1));
    }
  }

  @Test
  void aHugePoolIsSearchedQuicklyAndNodesBeginApart() {
    Pool pool = Pool.of(pool("p", "fd00:201::/48", null, "fd00:201::/49", null, null));
    Set<Prefix> first = new HashSet<>();
    for (int i = 0; i < 1000; i++) {
      first.add(
          BlockChoice.unclaimed(pool, new TreeMap<>(), Set.of(), "worker-" + i)
              .orElse(pool.cidr()));
    }
    assertThat(first).hasSizeGreaterThan(1).noneMatch(Prefix.parse("fd00:201::/49")::overlaps);
  }

  @Test
  void anyBlocksGiveNodesRangesThatDoNotOverlap() {
    Random random = new Random(5);
    Prefix all = Prefix.parse("10.201.0.0/24");
    for (int round = 0; round < 200; round++) {
      List<AddressBlock> objects = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        int length = 26 + random.nextInt(4);
        Prefix prefix = all.subnet(length, random.nextInt(1 << (length - 24)));
        Map<IpAddress, String> claims = Map.of(prefix.at(3), "w" + random.nextInt(4));
        String node = random.nextInt(5) == 0 ? "" : "w" + random.nextInt(4);
        AddressBlock object = new Block(prefix, "p", node, 2, claims).object(Optional.empty());
        object.getMetadata().setCreationTimestamp("2026-01-01T00:00:0" + random.nextInt(10) + "Z");
        objects.add(object);
      }
      BlockRanges ranges = BlockRanges.of(objects);
      List<Prefix> given = new ArrayList<>();
      ranges.blocksOf().values().forEach(given::addAll);
      for (int i = 0; i < given.size(); i++) {
        for (int j = 0; j < i; j++) {
          assertThat(given.get(i).overlaps(given.get(j))).isFalse();
        }
      }
      assertThat(ranges.blocks().size() + ranges.problems().size()).isEqualTo(objects.size());
      ranges
          .singlesOf()
          .forEach((node, singles) -> assertThat(ranges.reachedAt(node)).hasSizeGreaterThan(0));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "10.201.0.64/26, 10-201-0-64-26",
    "fd00:201::40/122, fd000201000000000000000000000040-122"
  })
  void aBlockIsNamedByItsRange(String prefix, String name) {
    assertThat(Block.name(Prefix.parse(prefix))).isEqualTo(name);
    Block block = new Block(Prefix.parse(prefix), "p", "w", 9, Map.of());
    assertThat(Block.of(block.object(Optional.empty()))).isEqualTo(block);
  }

  /// An object by hand could make every agent look through 2^64 addresses.
  @Test
  void aBlockHasABound() {
    AddressBlock huge = new AddressBlock();
    huge.setMetadata(
        new ObjectMetaBuilder().withName(Block.name(Prefix.parse("fd00:201::/64"))).build());
    huge.setSpec(new AddressBlock.Spec("fd00:201::/64", "p", "w", 9, Map.of()));
    assertThat(BlockRanges.of(List.of(huge)).problems())
        .containsExactly(
            "AddressBlock fd000201000000000000000000000000-64:"
                + " spec.cidr: fd00:201::/64 holds more than 4096 addresses");
  }

  @Test
  void anEventsNameFitsHoweverLongThePodsIs() {
    assertThat(PodEvents.eventName("web", 0x1f)).isEqualTo("web.1f");
    String longest = "a".repeat(235) + "." + "b".repeat(17);
    assertThat(PodEvents.eventName(longest, Long.MIN_VALUE))
        .isEqualTo("a".repeat(235) + ".8000000000000000");
  }

  private static AddressPool pool(
      String name,
      @Nullable String cidr,
      @Nullable Integer blockSize,
      @Nullable String reserved,
      @Nullable String borrowing,
      @Nullable LabelSelector namespaces) {
    AddressPool object = new AddressPool();
    object.setMetadata(new ObjectMetaBuilder().withName(name).build());
    object.setSpec(
        new AddressPool.Spec(
            cidr,
            blockSize,
            namespaces,
            null,
            reserved == null ? null : List.of(reserved),
            borrowing,
            null));
    return object;
  }
}
