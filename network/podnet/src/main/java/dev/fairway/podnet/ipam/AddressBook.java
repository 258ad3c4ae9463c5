// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.Allocation.Owner;
import dev.fairway.podnet.ipam.NoAddress.Reason;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Who has which address, kept in one file that is only ever added to.
///
/// A line is written before its call returns, so it outlives the process; so after the agent was
/// killed at any point nobody holds an address the book does not know. The machine's end may cost
/// the last lines, and it ends all sandboxes, too: what is left of them is collected. A line that
/// was cut short or damaged is left out, and an address that is seen in use without being in the
/// book is kept from everybody ([#occupied]). When most lines are history, and at every start, the
/// file is written anew beside the old one and takes its place by a rename. One process at a time
/// has a book. Safe for use by many threads.
public final class AddressBook implements AddressSource, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AddressBook.class);
  private static final int HISTORY_LIMIT = 4096;

  /// Pods whose address is remembered after a restart; more would only make starting slower.
  private static final int REMEMBERED_LIMIT = 4096;

  /// What stands in the book at one moment.
  ///
  /// @param allocations who has which addresses
  /// @param ranges the node's own ranges first, then blocks and single addresses
  public record Contents(List<Allocation> allocations, List<RangeUse> ranges) {
    public Contents {
      allocations = List.copyOf(allocations);
      ranges = List.copyOf(ranges);
    }
  }

  /// How full a range is.
  ///
  /// @param used addresses of it that somebody has; one that is in a longer range, too, counts
  ///   there
  /// @param capacity how many could be had
  public record RangeUse(Prefix range, long used, long capacity) {}

  private record Key(String containerId, String interfaceName) {}

  private final Path file;
  private final FileChannel lock;
  private final Map<Key, Allocation> allocations = new LinkedHashMap<>();
  private final Map<IpAddress, String> freed = new LinkedHashMap<>();

  /// Who has which address; the same as [#allocations] says, the other way round.
  private final Map<IpAddress, Key> holders = new HashMap<>();

  /// What somebody uses who is not in the book.
  private final Set<IpAddress> occupied = new HashSet<>();

  private List<Prefix> nodeRanges = List.of();
  private List<AddressRange> blocks = List.of();
  private Map<Prefix, FreeAddresses> ranges = new LinkedHashMap<>();
  private FileChannel channel;
  private int history;

  private AddressBook(Path file) throws IOException {
    this.file = file;
    Files.createDirectories(file.toAbsolutePath().getParent());
    this.lock = lock(file);
    try {
      replay();
      this.channel = rewrite();
    } catch (IOException e) {
      lock.close();
      throw e;
    }
  }

  /// Two agents that both write would give one address to two pods.
  private static FileChannel lock(Path file) throws IOException {
    FileChannel lock =
        FileChannel.open(
            file.resolveSibling(file.getFileName() + ".lock"),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE);
    boolean had = false;
    try {
      had = lock.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      LOG.debug("{} is open in this process", file, e);
    } finally {
      if (!had) {
        lock.close();
      }
    }
    if (!had) {
      throw new IOException(
          "the address book " + file + " is in use: another agent runs on this machine; end it");
    }
    return lock;
  }

  /// Opens the book, or begins one.
  ///
  /// @throws IOException if the file cannot be read or written; the message names it
  public static AddressBook open(Path file) throws IOException {
    return new AddressBook(file);
  }

  /// The node's own ranges from now on, `spec.podCIDRs`. Addresses of earlier ranges stay their
  /// owners' until released.
  public synchronized void ranges(List<Prefix> wanted) {
    if (!nodeRanges.equals(wanted)) {
      nodeRanges = List.copyOf(wanted);
      arrange();
    }
  }

  /// The node's blocks and borrowed addresses from now on; given out only where a [Wanted] names
  /// them.
  public synchronized void blocks(List<AddressRange> wanted) {
    if (!blocks.equals(wanted)) {
      blocks = List.copyOf(wanted);
      arrange();
    }
  }

  private void arrange() {
    Map<Prefix, FreeAddresses> before = ranges;
    ranges = new LinkedHashMap<>();
    nodeRanges.forEach(prefix -> arrange(AddressRange.ofNode(prefix), before));
    blocks.forEach(block -> arrange(block, before));
  }

  private void arrange(AddressRange range, Map<Prefix, FreeAddresses> before) {
    FreeAddresses known = before.get(range.prefix());
    if (known != null) {
      known.range(range);
      ranges.put(range.prefix(), known);
      return;
    }
    FreeAddresses fresh = new FreeAddresses(range, REMEMBERED_LIMIT);
    freed.forEach((address, podUid) -> {
      if (range.prefix().contains(address)) {
        fresh.give(address, podUid);
      }
    });
    holders.keySet().stream().filter(range.prefix()::contains).forEach(fresh::take);
    occupied.stream().filter(range.prefix()::contains).forEach(fresh::take);
    ranges.put(range.prefix(), fresh);
  }

  /// Gives an owner its addresses: those it has already, or one a family of the node's own ranges.
  ///
  /// @throws NoAddress if a range is full; nothing is taken then
  /// @throws IOException if the disk refuses; nothing is taken then
  @Override
  public synchronized Allocation allocate(Owner owner) throws NoAddress, IOException {
    Optional<Allocation> existing = find(owner.containerId(), owner.interfaceName());
    if (existing.isPresent()) {
      return existing.get();
    }
    if (nodeRanges.isEmpty()) {
      throw new NoAddress(
          Reason.EXHAUSTED, "this node has no range: no spec.podCIDRs and no AddressPool for it");
    }
    return allocate(owner, ownRanges());
  }

  /// One wish for each family that the node has ranges of.
  public synchronized List<Wanted> ownRanges() {
    Map<IpFamily, List<Prefix>> families = new LinkedHashMap<>();
    for (Prefix range : nodeRanges) {
      families.computeIfAbsent(range.family(), family -> new ArrayList<>()).add(range);
    }
    List<Wanted> wanted = new ArrayList<>();
    families.values().forEach(each -> wanted.add(new Wanted.OneOf("this node's range", each)));
    return wanted;
  }

  /// Gives an owner its addresses: those it has already, or what it wants.
  ///
  /// @throws NoAddress if one cannot be had; nothing is taken then
  /// @throws IOException if the disk refuses; nothing is taken then
  public synchronized Allocation allocate(Owner owner, List<Wanted> wanted)
      throws NoAddress, IOException {
    Key key = new Key(owner.containerId(), owner.interfaceName());
    Allocation existing = allocations.get(key);
    if (existing != null) {
      return existing;
    }
    List<IpAddress> addresses = new ArrayList<>();
    try {
      for (Wanted wish : wanted) {
        addresses.add(take(wish, owner.podUid()));
      }
      Allocation allocation = new Allocation(owner, addresses);
      append(new BookLine.Taken(allocation));
      allocations.put(key, allocation);
      addresses.forEach(address -> holders.put(address, key));
      addresses.forEach(freed::remove);
      return allocation;
    } catch (NoAddress | IOException e) {
      giveBack(addresses, owner.podUid());
      throw e;
    }
  }

  private IpAddress take(Wanted wish, String podUid) throws NoAddress {
    return switch (wish) {
      case Wanted.Exactly(IpAddress address) -> {
        Key holder = holders.get(address);
        if (holder != null) {
          Owner other = Objects.requireNonNull(allocations.get(holder)).owner();
          throw new NoAddress(
              Reason.IN_USE,
              address
                  + " is in use on this node by "
                  + (other.pod().isEmpty() ? other.containerId() : "pod " + other.pod()));
        }
        if (occupied.contains(address)) {
          throw new NoAddress(
              Reason.IN_USE,
              address + " is in use on this node by a sandbox that no ADD is known of");
        }
        ranges.values().stream()
            .filter(free -> free.range().prefix().contains(address))
            .forEach(free -> free.take(address));
        yield address;
      }
      case Wanted.OneOf any -> takeAny(any, podUid);
    };
  }

  private IpAddress takeAny(Wanted.OneOf wish, String podUid) throws NoAddress {
    FreeAddresses choice = null;
    long span = 0;
    for (Prefix prefix : wish.ranges()) {
      FreeAddresses free = ranges.get(prefix);
      if (free != null) {
        span += free.range().span();
        choice = choice == null && free.lastOf(podUid).isPresent() ? free : choice;
      }
    }
    if (choice != null) {
      return choice.takeFor(podUid).orElseThrow();
    }
    for (Prefix prefix : wish.ranges()) {
      FreeAddresses free = ranges.get(prefix);
      Optional<IpAddress> taken = free == null ? Optional.empty() : free.takeFor(podUid);
      if (taken.isPresent()) {
        return taken.get();
      }
    }
    throw new NoAddress(Reason.EXHAUSTED, exhausted(wish, span), Optional.of(wish));
  }

  private static String exhausted(Wanted.OneOf wish, long span) {
    String ranges = wish.ranges().size() == 1 ? " " + wish.ranges().getFirst() : "";
    return "all "
        + span
        + " addresses of "
        + wish.source()
        + ranges
        + " are in use: move pods away or give nodes larger ranges";
  }

  /// Whether nobody has an address of this range.
  public synchronized boolean isIdle(Prefix range) {
    return holders.keySet().stream().noneMatch(range::contains)
        && occupied.stream().noneMatch(range::contains);
  }

  /// Which addresses are in use by somebody who is not in the book, from now on. Nobody is given
  /// one of them.
  ///
  /// @return those that were not known before
  public synchronized List<IpAddress> occupied(Set<IpAddress> seen) {
    List<IpAddress> left = new ArrayList<>(occupied);
    left.removeAll(seen);
    List<IpAddress> fresh = new ArrayList<>(seen);
    fresh.removeAll(occupied);
    occupied.removeAll(left);
    occupied.addAll(fresh);
    giveBack(left, "");
    for (IpAddress address : fresh) {
      ranges.values().stream()
          .filter(free -> free.range().prefix().contains(address))
          .forEach(free -> free.take(address));
    }
    return fresh;
  }

  public synchronized Optional<Allocation> find(String containerId, String interfaceName) {
    return Optional.ofNullable(allocations.get(new Key(containerId, interfaceName)));
  }

  public synchronized List<Allocation> allocations() {
    return List.copyOf(allocations.values());
  }

  public synchronized Contents contents() {
    Map<Prefix, Long> used = new HashMap<>();
    Set<IpAddress> inUse = new HashSet<>(holders.keySet());
    inUse.addAll(occupied);
    for (IpAddress address : inUse) {
      ranges.keySet().stream()
          .filter(range -> range.contains(address))
          .max(Comparator.comparingInt(Prefix::length))
          .ifPresent(range -> used.merge(range, 1L, Long::sum));
    }
    List<RangeUse> uses = new ArrayList<>();
    ranges.forEach((prefix, free) ->
        uses.add(new RangeUse(prefix, used.getOrDefault(prefix, 0L), free.range().offered())));
    return new Contents(allocations(), uses);
  }

  /// Takes the addresses back; an unknown owner is success.
  ///
  /// @return whether there were any
  /// @throws IOException if the disk refuses; the addresses stay taken then
  public synchronized boolean release(String containerId, String interfaceName) throws IOException {
    Key key = new Key(containerId, interfaceName);
    Allocation allocation = allocations.get(key);
    if (allocation == null) {
      return false;
    }
    append(new BookLine.Released(containerId, interfaceName));
    allocations.remove(key);
    allocation.addresses().forEach(address -> holders.remove(address, key));
    giveBack(allocation.addresses(), allocation.owner().podUid());
    if (history > HISTORY_LIMIT && history > 4 * allocations.size()) {
      FileChannel old = channel;
      channel = rewrite();
      old.close();
    }
    return true;
  }

  /// An address that another has, too, stays taken: the line of its first release was lost.
  private void giveBack(List<IpAddress> addresses, String podUid) {
    for (IpAddress address : addresses) {
      if (holders.containsKey(address) || occupied.contains(address)) {
        continue;
      }
      remember(address, podUid);
      for (FreeAddresses free : ranges.values()) {
        if (free.range().prefix().contains(address)) {
          free.give(address, podUid);
        }
      }
    }
  }

  private void remember(IpAddress address, String podUid) {
    freed.remove(address);
    freed.put(address, podUid);
    if (freed.size() > REMEMBERED_LIMIT) {
      freed.remove(freed.keySet().iterator().next());
    }
  }

  private void append(BookLine line) throws IOException {
    long before = channel.size();
    try {
      write(channel, line);
    } catch (IOException e) {
      channel.truncate(before);
      throw new IOException("the address book " + file + " cannot be written: " + e, e);
    }
    history++;
  }

  private static void write(FileChannel to, BookLine line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(line.render().getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      to.write(bytes);
    }
  }

  private void replay() throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    for (int from = 0; from < text.length(); ) {
      int end = text.indexOf('\n', from);
      if (end < 0) {
        break; // cut short by a crash
      }
      Optional<BookLine> line = BookLine.parse(text.substring(from, end));
      if (line.isEmpty()) {
        LOG.warn("The address book {} has a damaged line at byte {}; it is left out", file, from);
      } else {
        replay(line.get());
      }
      from = end + 1;
    }
  }

  private void replay(BookLine line) {
    switch (line) {
      case BookLine.Taken(Allocation allocation) -> {
        Owner owner = allocation.owner();
        Key key = new Key(owner.containerId(), owner.interfaceName());
        allocations.put(key, allocation);
        allocation.addresses().forEach(address -> holders.put(address, key));
        allocation.addresses().forEach(freed::remove);
      }
      case BookLine.Released(String containerId, String interfaceName) -> {
        Key key = new Key(containerId, interfaceName);
        Allocation allocation = allocations.remove(key);
        if (allocation != null) {
          allocation.addresses().forEach(address -> holders.remove(address, key));
          allocation.addresses().forEach(a -> remember(a, allocation.owner().podUid()));
        }
      }
      case BookLine.Free(IpAddress address, String podUid) -> remember(address, podUid);
    }
  }

  private FileChannel rewrite() throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    FileChannel out =
        FileChannel.open(
            fresh,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    try {
      StringBuilder text = new StringBuilder();
      freed.forEach((address, pod) -> text.append(new BookLine.Free(address, pod).render()));
      allocations.values().forEach(a -> text.append(new BookLine.Taken(a).render()));
      ByteBuffer bytes = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      out.force(true);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      out.close();
      throw new IOException("the address book " + file + " cannot be written: " + e, e);
    }
    history = 0;
    forceDirectory();
    return out;
  }

  /// The new file is the book already, so this must not fail: the old one has no name any more.
  private void forceDirectory() {
    try (FileChannel directory = FileChannel.open(file.toAbsolutePath().getParent())) {
      directory.force(true);
    } catch (IOException e) {
      LOG.warn("The address book {} may be lost if the machine ends now: {}", file, e.toString());
    }
  }

  @Override
  public synchronized void close() throws IOException {
    try (lock) {
      channel.close();
    }
  }
}
