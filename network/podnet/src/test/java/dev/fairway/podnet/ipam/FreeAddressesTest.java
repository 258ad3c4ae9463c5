// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What must hold for any order of events, on ranges of any size and family.
final class FreeAddressesTest {
  private static final int REMEMBERED = 64;

  @ParameterizedTest
  @ValueSource(strings = {"10.200.1.0/29", "10.200.1.0/24", "fd00:1::/124", "fd00:1::/64"})
  void anyOrderOfEventsKeepsAddressesApart(String text) {
    Prefix prefix = Prefix.parse(text);
    AddressRange range = AddressRange.ofNode(prefix);
    for (int seed = 0; seed < 20; seed++) {
      Random random = new Random(seed);
      FreeAddresses free = new FreeAddresses(range, REMEMBERED);
      Map<IpAddress, String> taken = new HashMap<>();
      List<IpAddress> order = new ArrayList<>();
      for (int step = 0; step < 500; step++) {
        String pod = "pod-" + random.nextInt(40);
        if (random.nextInt(5) < 3) {
          Optional<IpAddress> last = free.lastOf(pod);
          Optional<IpAddress> given = free.takeFor(pod);
          boolean full = taken.size() == range.span();
          assertThat(given.isEmpty()).as("full").isEqualTo(full);
          given.ifPresent(address -> {
            assertThat(range.offers(address)).isTrue();
            assertThat(taken).doesNotContainKey(address);
            last.ifPresent(before -> assertThat(address).isEqualTo(before));
            taken.put(address, pod);
            order.add(address);
          });
        } else if (!order.isEmpty()) {
          IpAddress back = order.remove(random.nextInt(order.size()));
          free.give(back, taken.remove(back));
        }
      }
    }
  }

  @Test
  void aHugeRangeUsesItsOldAddressesAgainAfterAWhile() {
    FreeAddresses free =
        new FreeAddresses(AddressRange.ofNode(Prefix.parse("fd00:1::/64")), REMEMBERED);
    Set<IpAddress> used = new HashSet<>();
    for (int i = 0; i < 10_000; i++) {
      IpAddress address = free.takeFor("pod-" + i).orElseThrow();
      used.add(address);
      free.give(address, "pod-" + i);
    }
    assertThat(used).hasSizeBetween(REMEMBERED, REMEMBERED + 1);
  }

  @Test
  void whatIsWithheldIsGivenToNobodyUntilItIsNot() {
    Prefix block = Prefix.parse("10.201.0.0/29");
    List<Prefix> withheld = List.of(Prefix.parse("10.201.0.2/31"));
    FreeAddresses free = new FreeAddresses(AddressRange.ofBlock(block, 5, withheld), REMEMBERED);
    assertThat(takeAll(free)).containsExactly("10.201.0.1", "10.201.0.4");
    free.range(AddressRange.ofBlock(block, 8, withheld));
    assertThat(takeAll(free)).containsExactly("10.201.0.5", "10.201.0.6", "10.201.0.7");
    free.range(AddressRange.ofBlock(block, 8, List.of()));
    assertThat(takeAll(free)).containsExactly("10.201.0.2", "10.201.0.3");
  }

  private static List<String> takeAll(FreeAddresses free) {
    List<String> taken = new ArrayList<>();
    for (Optional<IpAddress> next = free.takeFor(""); next.isPresent(); next = free.takeFor("")) {
      taken.add(next.get().toString());
    }
    return taken;
  }
}
