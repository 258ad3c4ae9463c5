// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.Allocation.Owner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AddressBookTest {
  private static final List<Prefix> SMALL = List.of(Prefix.parse("10.200.1.0/29"));

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void name() {
    file = directory.resolve("state/pod-addresses");
  }

  @Test
  void addressesAreUsedInTurnAndTheLongestFreeComesBackFirst() throws Exception {
    try (AddressBook book = open(SMALL)) {
      assertThat(take(book, "a", "")).isEqualTo("10.200.1.2");
      assertThat(take(book, "b", "")).isEqualTo("10.200.1.3");
      assertThat(take(book, "a", "")).as("asked again").isEqualTo("10.200.1.2");
      book.release("a", "eth0");
      assertThat(take(book, "c", "")).as("not just freed").isEqualTo("10.200.1.4");
      book.release("b", "eth0");
      assertThat(take(book, "d", "")).isEqualTo("10.200.1.5");
      assertThat(take(book, "e", "")).isEqualTo("10.200.1.6");
      assertThat(take(book, "f", "")).as("freed first").isEqualTo("10.200.1.2");
      assertThat(take(book, "g", "")).isEqualTo("10.200.1.3");
      assertThatThrownBy(() -> take(book, "h", ""))
          .isInstanceOf(NoAddress.class)
          .hasMessageContaining("all 5 addresses")
          .hasMessageContaining("10.200.1.0/29");
      assertThat(book.allocations()).hasSize(5);
    }
  }

  @Test
  void aPodThatComesBackGetsItsAddressUnlessSomebodyNeededIt() throws Exception {
    try (AddressBook book = open(SMALL)) {
      take(book, "a1", "pod-a");
      take(book, "b1", "pod-b");
      book.release("a1", "eth0");
      book.release("b1", "eth0");
    }
    try (AddressBook book = open(SMALL)) {
      assertThat(take(book, "b2", "pod-b")).isEqualTo("10.200.1.3");
      assertThat(take(book, "x", "")).isEqualTo("10.200.1.4");
      take(book, "y", "");
      take(book, "z", "");
      assertThat(take(book, "w", "")).isEqualTo("10.200.1.2");
      assertThatThrownBy(() -> take(book, "a2", "pod-a")).isInstanceOf(NoAddress.class);
    }
  }

  @Test
  void twoRangesGiveTwoAddressesOrNone() throws Exception {
    List<Prefix> dual = List.of(Prefix.parse("10.200.1.0/30"), Prefix.parse("fd00:1::/64"));
    try (AddressBook book = open(dual)) {
      assertThat(book.allocate(owner("a", "")).addresses().toString())
          .isEqualTo("[10.200.1.2, fd00:1::2]");
      assertThatThrownBy(() -> take(book, "b", "")).isInstanceOf(NoAddress.class);
      book.release("a", "eth0");
      assertThat(book.allocate(owner("b", "")).addresses().toString())
          .isEqualTo("[10.200.1.2, fd00:1::3]");
    }
  }

  @Test
  void aRangeThatChangesLeavesOwnersAlone() throws Exception {
    try (AddressBook book = open(SMALL)) {
      take(book, "a", "");
      book.ranges(List.of(Prefix.parse("10.200.7.0/24")));
      assertThat(take(book, "a", "")).isEqualTo("10.200.1.2");
      assertThat(take(book, "b", "")).isEqualTo("10.200.7.2");
      book.release("a", "eth0");
      assertThat(take(book, "c", "")).isEqualTo("10.200.7.3");
    }
  }

  /// A crash may leave any beginning of the file. Whatever is left, nobody's address is given to
  /// somebody else, and all that was acknowledged before the last line is there.
  @Test
  void anyBeginningOfTheFileIsAGoodBook() throws Exception {
    List<Map<String, String>> after = new ArrayList<>();
    List<Long> lengths = new ArrayList<>();
    try (AddressBook book = open(SMALL)) {
      Random random = new Random(7);
      for (int i = 0; i < 40; i++) {
        String id = "c" + random.nextInt(5);
        if (random.nextBoolean()) {
          take(book, id, "pod-" + id);
        } else {
          book.release(id, "eth0");
        }
        lengths.add(Files.size(file));
        after.add(owners(book));
      }
    }
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length <= whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      Map<String, String> expected = Map.of();
      for (int i = 0; i < after.size(); i++) {
        if (lengths.get(i) <= length) {
          expected = after.get(i);
        }
      }
      try (AddressBook book = open(SMALL)) {
        assertThat(owners(book)).as("cut at %d", length).isEqualTo(expected);
        Set<String> taken = new HashSet<>(owners(book).values());
        assertThat(taken).hasSize(owners(book).size());
        if (taken.size() < 5) {
          assertThat(taken).doesNotContain(take(book, "new", ""));
        }
      }
    }
  }

  @Test
  void damagedLinesAreLeftOut() throws Exception {
    try (AddressBook book = open(SMALL)) {
      take(book, "a", "pod-a");
      take(book, "b", "pod-b");
    }
    byte[] good = Files.readAllBytes(file);
    Random random = new Random(11);
    for (int round = 0; round < 300; round++) {
      byte[] bad = good.clone();
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, bad);
      try (AddressBook book = open(SMALL)) {
        owners(book)
            .forEach((id, address) -> assertThat(id + address).isIn("a10.200.1.2", "b10.200.1.3"));
      }
    }
  }

  @Test
  void historyDoesNotGrowWithoutEnd() throws Exception {
    try (AddressBook book = open(SMALL)) {
      for (int i = 0; i < 5000; i++) {
        take(book, "c" + i, "pod-" + i);
        book.release("c" + i, "eth0");
      }
      assertThat(Files.size(file)).isLessThan(300_000);
      assertThat(take(book, "last", "")).isNotNull();
    }
    try (AddressBook book = open(SMALL)) {
      assertThat(owners(book)).containsOnlyKeys("last");
    }
  }

  @Test
  void tenThousandPodsInTwoFamiliesLeaveNothing() throws Exception {
    List<Prefix> dual = List.of(Prefix.parse("10.200.1.0/24"), Prefix.parse("fd00:1::/64"));
    Random random = new Random(13);
    List<String> running = new ArrayList<>();
    Set<IpAddress> inUse = new HashSet<>();
    try (AddressBook book = open(dual)) {
      for (int i = 0; i < 10_000; i++) {
        if (running.size() >= 110 || (!running.isEmpty() && random.nextInt(3) == 0)) {
          String gone = running.remove(random.nextInt(running.size()));
          inUse.removeAll(book.find(gone, "eth0").orElseThrow().addresses());
          book.release(gone, "eth0");
        }
        Allocation given = book.allocate(owner("c" + i, "pod-" + i));
        assertThat(given.addresses()).hasSize(2).noneMatch(inUse::contains);
        inUse.addAll(given.addresses());
        running.add("c" + i);
      }
      for (String id : running) {
        book.release(id, "eth0");
      }
      assertThat(book.allocations()).isEmpty();
      assertThat(book.isIdle(dual.getFirst())).isTrue();
      assertThat(Files.size(file)).isLessThan(2_000_000);
    }
    try (AddressBook book = open(dual)) {
      assertThat(book.allocations()).isEmpty();
      assertThat(Files.size(file)).isLessThan(500_000);
      for (int i = 0; i < 253; i++) {
        book.allocate(owner("again" + i, ""));
      }
      assertThatThrownBy(() -> take(book, "full", "")).isInstanceOf(NoAddress.class);
    }
  }

  @Test
  void aCertainAddressIsOnePodsAtATime() throws Exception {
    List<Wanted> wanted = List.of(new Wanted.Exactly(IpAddress.parse("10.201.0.9")));
    try (AddressBook book = open(SMALL)) {
      book.allocate(new Owner("a", "eth0", "", "default/web"), wanted);
      assertThatThrownBy(() -> book.allocate(owner("b", ""), wanted))
          .isInstanceOfSatisfying(
              NoAddress.class, e -> assertThat(e.reason()).isEqualTo(NoAddress.Reason.IN_USE))
          .hasMessage("10.201.0.9 is in use on this node by pod default/web");
    }
    try (AddressBook book = open(SMALL)) {
      assertThatThrownBy(() -> book.allocate(owner("b", ""), wanted)).isInstanceOf(NoAddress.class);
      book.release("a", "eth0");
      assertThat(book.allocate(owner("b", ""), wanted).addresses())
          .containsExactly(IpAddress.parse("10.201.0.9"));
    }
  }

  /// What the end of a machine may leave: a release that the disk never saw, and the line of the
  /// next owner, which it did.
  @Test
  void anAddressThatTwoLinesTellOfStaysTheSecondOnes() throws Exception {
    try (AddressBook book = open(SMALL)) {
      take(book, "a", "pod-a");
      book.release("a", "eth0");
      for (String id : List.of("b", "c", "d", "e")) {
        take(book, id, "");
      }
      assertThat(take(book, "f", "pod-f")).isEqualTo("10.200.1.2");
    }
    List<String> lines = new ArrayList<>(Files.readAllLines(file));
    assertThat(lines.removeIf(line -> line.contains(" released a "))).isTrue();
    Files.write(file, lines);
    try (AddressBook book = open(SMALL)) {
      assertThat(owners(book)).containsEntry("a", "10.200.1.2").containsEntry("f", "10.200.1.2");
      book.release("a", "eth0"); // nothing is left of it, so it is collected
      assertThatThrownBy(() -> take(book, "g", "pod-a")).isInstanceOf(NoAddress.class);
      assertThatThrownBy(() -> book.allocate(owner("g", ""), exactly("10.200.1.2")))
          .isInstanceOf(NoAddress.class);
    }
  }

  @Test
  void whatIsSeenInUseIsNobodysUntilItIsNot() throws Exception {
    Set<IpAddress> seen = Set.of(IpAddress.parse("10.200.1.2"), IpAddress.parse("10.201.0.9"));
    try (AddressBook book = open(List.of())) {
      assertThat(book.occupied(seen)).containsExactlyInAnyOrderElementsOf(seen);
      assertThat(book.occupied(seen)).as("no news").isEmpty();
      book.ranges(SMALL); // known only later
      assertThat(take(book, "a", "")).isEqualTo("10.200.1.3");
      assertThatThrownBy(() -> book.allocate(owner("b", ""), exactly("10.201.0.9")))
          .isInstanceOfSatisfying(
              NoAddress.class, e -> assertThat(e.reason()).isEqualTo(NoAddress.Reason.IN_USE))
          .hasMessage("10.201.0.9 is in use on this node by a sandbox that no ADD is known of");
      assertThat(book.isIdle(Prefix.parse("10.201.0.0/26"))).isFalse();
      book.occupied(Set.of());
      assertThat(book.isIdle(Prefix.parse("10.201.0.0/26"))).isTrue();
      book.allocate(owner("b", ""), exactly("10.201.0.9"));
      for (String id : List.of("c", "d", "e")) {
        take(book, id, "");
      }
      assertThat(take(book, "f", "")).isEqualTo("10.200.1.2");
    }
  }

  @Test
  void howFullRangesAreIsCountedWhereAnAddressIsGiven() throws Exception {
    Prefix block = Prefix.parse("10.201.0.0/28");
    IpAddress fixed = IpAddress.parse("10.201.0.9");
    try (AddressBook book = open(SMALL)) {
      book.blocks(
          List.of(
              AddressRange.ofBlock(block, 16, List.of(Prefix.parse("10.201.0.8/29"))),
              AddressRange.ofSingle(fixed)));
      take(book, "a", "");
      book.allocate(owner("b", ""), List.of(new Wanted.OneOf("pool p", List.of(block))));
      book.allocate(owner("c", ""), exactly("10.201.0.9"));
      assertThat(book.contents().ranges())
          .containsExactly(
              new AddressBook.RangeUse(SMALL.getFirst(), 1, 5),
              new AddressBook.RangeUse(block, 1, 7),
              new AddressBook.RangeUse(fixed.toPrefix(), 1, 1));
      assertThat(book.contents().allocations()).hasSize(3);
    }
  }

  @Test
  void oneAgentAtATimeHasTheBook() throws Exception {
    try (AddressBook book = open(SMALL)) {
      take(book, "a", "");
      assertThatThrownBy(() -> open(SMALL))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file + " is in use: another agent runs on this machine");
    }
    open(SMALL).close();
  }

  private static List<Wanted> exactly(String address) {
    return List.of(new Wanted.Exactly(IpAddress.parse(address)));
  }

  private AddressBook open(List<Prefix> ranges) throws IOException {
    AddressBook book = AddressBook.open(file);
    book.ranges(ranges);
    return book;
  }

  private static Map<String, String> owners(AddressBook book) {
    Map<String, String> owners = new HashMap<>();
    for (Allocation allocation : book.allocations()) {
      IpAddress address = allocation.addresses().getFirst();
      owners.put(allocation.owner().containerId(), address.toString());
    }
    return owners;
  }

  private static Owner owner(String id, String podUid) {
    return new Owner(id, "eth0", podUid, "");
  }

  private static String take(AddressBook book, String id, String podUid) throws Exception {
    return book.allocate(owner(id, podUid)).addresses().getFirst().toString();
  }
}
