// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.ipam.Allocation.Owner;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Who has which address, kept in one file that is only ever added to.
///
/// A line is written before its call returns, so it outlives the process; [Lease#awaitDurable]
/// waits until it also outlives the machine, and several that wait share one trip to the disk. So
/// after a crash at any point nobody holds an address the book does not know. A line that the crash
/// cut short was never heard of by anybody and is dropped. A release need not outlive the machine:
/// all sandboxes end with it, and what is left of them is collected. When most lines are history,
/// and at every start, the file is written anew beside the old one and takes its place by a rename.
/// Safe for use by many threads.
public final class AddressBook implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AddressBook.class);
  private static final int HISTORY_LIMIT = 4096;

  /// Pods whose address is remembered after a restart; more would only make starting slower.
  private static final int REMEMBERED_LIMIT = 4096;

  /// Addresses that were just given.
  public static final class Lease {
    private final Allocation allocation;
    private final CompletableFuture<Void> durable;

    private Lease(Allocation allocation, CompletableFuture<Void> durable) {
      this.allocation = allocation;
      this.durable = durable;
    }

    public Allocation allocation() {
      return allocation;
    }

    /// Waits until the disk has it.
    ///
    /// @throws IOException if the disk refuses
    public void awaitDurable() throws IOException {
      try {
        durable.join();
      } catch (CompletionException e) {
        throw new IOException("the address book cannot be written: " + e.getCause(), e);
      }
    }
  }

  private record Key(String containerId, String interfaceName) {}

  private final Path file;
  private final Map<Key, Allocation> allocations = new LinkedHashMap<>();
  private final Map<IpAddress, String> freed = new LinkedHashMap<>();
  private List<FreeAddresses> ranges = List.of();
  private FileChannel channel;
  private int history;

  private final ExecutorService disk =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("address-book-disk").daemon(true).factory());

  /// The next trip to the disk, while it has not begun.
  private @Nullable CompletableFuture<Void> nextTrip;

  private AddressBook(Path file) throws IOException {
    this.file = file;
    Files.createDirectories(file.toAbsolutePath().getParent());
    replay();
    this.channel = rewrite();
  }

  /// Opens the book, or begins one.
  ///
  /// @throws IOException if the file cannot be read or written; the message names it
  public static AddressBook open(Path file) throws IOException {
    return new AddressBook(file);
  }

  /// The ranges of this node from now on. Addresses of earlier ranges stay their owners' until
  /// released.
  public synchronized void ranges(List<Prefix> wanted) {
    if (ranges.stream().map(FreeAddresses::range).toList().equals(wanted)) {
      return;
    }
    List<FreeAddresses> fresh = new ArrayList<>();
    for (Prefix range : wanted) {
      FreeAddresses free = new FreeAddresses(range);
      freed.forEach((address, podUid) -> {
        if (range.contains(address)) {
          free.give(address, podUid);
        }
      });
      for (Allocation allocation : allocations.values()) {
        allocation.addresses().stream().filter(range::contains).forEach(free::take);
      }
      fresh.add(free);
    }
    ranges = List.copyOf(fresh);
  }

  /// Gives an owner its addresses: those it has already, or one of each range.
  ///
  /// @throws AddressesExhausted if a range is full; nothing is taken then
  /// @throws IOException if the disk refuses; nothing is taken then
  public synchronized Lease allocate(Owner owner) throws AddressesExhausted, IOException {
    Key key = new Key(owner.containerId(), owner.interfaceName());
    Allocation existing = allocations.get(key);
    if (existing != null) {
      return new Lease(existing, CompletableFuture.completedFuture(null));
    }
    if (ranges.isEmpty()) {
      throw new IllegalStateException("no range is known yet");
    }
    List<IpAddress> addresses = new ArrayList<>();
    try {
      for (FreeAddresses range : ranges) {
        addresses.add(
            range
                .takeFor(owner.podUid())
                .orElseThrow(() -> new AddressesExhausted(range.range(), range.capacity())));
      }
      Allocation allocation = new Allocation(owner, addresses);
      append(new BookLine.Taken(allocation));
      allocations.put(key, allocation);
      addresses.forEach(freed::remove);
      return new Lease(allocation, sync());
    } catch (AddressesExhausted | IOException e) {
      giveBack(addresses, owner.podUid());
      throw e;
    }
  }

  /// Keeps an address from being given to anybody, as somebody unknown is seen to use it.
  public synchronized void reserve(IpAddress address) {
    ranges.stream()
        .filter(free -> free.range().contains(address))
        .forEach(free -> free.take(address));
  }

  public synchronized Optional<Allocation> find(String containerId, String interfaceName) {
    return Optional.ofNullable(allocations.get(new Key(containerId, interfaceName)));
  }

  public synchronized List<Allocation> allocations() {
    return List.copyOf(allocations.values());
  }

  /// Takes the addresses back; an unknown owner is success.
  ///
  /// @throws IOException if the disk refuses; the addresses stay taken then
  public synchronized void release(String containerId, String interfaceName) throws IOException {
    Key key = new Key(containerId, interfaceName);
    Allocation allocation = allocations.get(key);
    if (allocation == null) {
      return;
    }
    append(new BookLine.Released(containerId, interfaceName));
    allocations.remove(key);
    giveBack(allocation.addresses(), allocation.owner().podUid());
    if (history > HISTORY_LIMIT && history > 4 * allocations.size()) {
      FileChannel old = channel;
      channel = rewrite();
      old.close();
    }
  }

  private void giveBack(List<IpAddress> addresses, String podUid) {
    for (IpAddress address : addresses) {
      remember(address, podUid);
      for (FreeAddresses range : ranges) {
        if (range.range().contains(address)) {
          range.give(address, podUid);
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

  private CompletableFuture<Void> sync() {
    if (nextTrip == null) {
      nextTrip = new CompletableFuture<>();
      disk.execute(this::goToDisk);
    }
    return nextTrip;
  }

  private void goToDisk() {
    CompletableFuture<Void> trip;
    FileChannel written;
    synchronized (this) {
      trip = Objects.requireNonNull(nextTrip);
      nextTrip = null;
      written = channel;
    }
    try {
      written.force(false);
      trip.complete(null);
    } catch (ClosedChannelException e) {
      trip.complete(null); // written anew meanwhile, and that went to the disk
    } catch (IOException e) {
      trip.completeExceptionally(e);
    }
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
        allocations.put(new Key(owner.containerId(), owner.interfaceName()), allocation);
        allocation.addresses().forEach(freed::remove);
      }
      case BookLine.Released(String containerId, String interfaceName) -> {
        Allocation allocation = allocations.remove(new Key(containerId, interfaceName));
        if (allocation != null) {
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
      try (FileChannel directory = FileChannel.open(file.toAbsolutePath().getParent())) {
        directory.force(true);
      }
    } catch (IOException e) {
      out.close();
      throw new IOException("the address book " + file + " cannot be written: " + e, e);
    }
    history = 0;
    return out;
  }

  @Override
  public void close() throws IOException {
    disk.close();
    synchronized (this) {
      channel.close();
    }
  }
}
