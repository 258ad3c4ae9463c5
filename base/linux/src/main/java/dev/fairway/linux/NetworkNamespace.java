// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.Native.NamespaceCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A network namespace, held open by a file descriptor (network_namespaces(7)).
///
/// A namespace belongs to a thread, and a socket stays in the one it was opened in. So ordinary
/// work opens its socket inside by [#call] and uses it outside; nothing has to be restored, and no
/// virtual thread ever enters one (it would take its carrier along).
///
/// Equality is by the namespace's inode: two handles of one namespace are equal.
public final class NetworkNamespace implements AutoCloseable {
  private static final int CLONE_NEWNET = 0x4000_0000;
  private static final String OF_THIS_THREAD = "/proc/thread-self/ns/net";

  private final Fd fd;
  private final long inode;
  private final String name;
  private final NftTransactions nftTransactions = new NftTransactions();

  private NetworkNamespace(Fd fd, long inode, String name) {
    this.fd = fd;
    this.inode = inode;
    this.name = name;
  }

  /// Something to do inside a namespace.
  @FunctionalInterface
  public interface Work<T extends @Nullable Object, E extends Exception> {
    T call() throws E;
  }

  /// Of all who change nf_tables by this handle.
  public NftTransactions nftTransactions() {
    return nftTransactions;
  }

  /// The namespace that this process runs in.
  public static NetworkNamespace current() {
    return open(OF_THIS_THREAD, "the current network namespace");
  }

  /// The namespace bound to a file, such as `/run/netns/NAME`.
  ///
  /// @throws KernelException ENOENT if there is no such file, EINVAL if it is no network namespace
  public static NetworkNamespace open(Path path) {
    return open(path.toString(), path.toString());
  }

  /// The namespace of a process.
  ///
  /// @throws KernelException ENOENT if there is no such process
  public static NetworkNamespace ofPid(long pid) {
    String path = "/proc/" + pid + "/ns/net";
    return open(path, path);
  }

  private static NetworkNamespace open(String path, String name) {
    Fd fd = Native.open(path);
    try {
      return new NetworkNamespace(fd, inodeOf(fd, path), name);
    } catch (KernelException e) {
      fd.close();
      throw e;
    }
  }

  /// All namespaces are files of one small file system, `nsfs`; anything else is not one.
  private static long inodeOf(Fd fd, String path) {
    Native.FileId opened = Native.fileId(fd);
    if (opened.device() == Nsfs.DEVICE) {
      return opened.inode();
    }
    throw new KernelException("setns", Errno.EINVAL, path + " is not a network namespace");
  }

  /// Looked up once: it does not change while the machine runs.
  private static final class Nsfs {
    static final long DEVICE = device();

    private static long device() {
      try (Fd own = Native.open(OF_THIS_THREAD)) {
        return Native.fileId(own).device();
      }
    }
  }

  /// Makes a namespace that lives as long as something uses it: this handle, a thread, a process.
  /// Its loopback link is down.
  public static NetworkNamespace createAnonymous() {
    return onThrowawayThread(
        "netns-create",
        () -> {
          unshare();
          return open(OF_THIS_THREAD, "an anonymous network namespace");
        });
  }

  /// Makes a namespace and binds it to a file, which is made (with its parents) too. It lives until
  /// [#delete]. Its loopback link is down.
  ///
  /// @throws KernelException EEXIST if the file is there already; nothing is left behind on failure
  public static NetworkNamespace create(Path path) {
    NetworkNamespace made = createAnonymous();
    try {
      made.bindTo(path);
      return open(path);
    } finally {
      made.close();
    }
  }

  /// Gives the namespace a file, which is made (with its parents). It lives until [#delete] then.
  ///
  /// @throws KernelException EEXIST if the file is there already; nothing is left behind on failure
  public void bindTo(Path path) {
    try (NamespaceDirectory directory = NamespaceDirectory.of(path)) {
      directory.share();
      try {
        Files.createFile(path);
      } catch (FileAlreadyExistsException e) {
        throw new KernelException("mount", Errno.EEXIST, path.toString());
      } catch (IOException e) {
        throw new KernelException("mount", Errno.EACCES, path + " cannot be created: " + e);
      }
      try {
        Mounts.bind(Path.of("/proc/self/fd/" + fd.number()), path);
      } catch (RuntimeException e) {
        unbind(path);
        throw e;
      }
    }
  }

  /// Unbinds a namespace from its file and removes the file. The namespace itself ends when nothing
  /// uses it any more. An absent file is success.
  public static void delete(Path path) {
    if (!Files.isDirectory(path.toAbsolutePath().getParent())) {
      return;
    }
    try (NamespaceDirectory ignored = NamespaceDirectory.of(path)) {
      unbind(path);
    }
  }

  private static void unbind(Path path) {
    Mounts.unmountLazily(path);
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw new KernelException(
          "unlink",
          Errno.EBUSY,
          path + ": " + e.getMessage(),
          "is it still mounted, below another mount of its directory?");
    }
  }

  /// Runs something inside on a platform thread that ends afterwards, and waits for it.
  ///
  /// The work must not start threads, virtual ones included (a new carrier would be born inside and
  /// stay), and no processes: use [#start].
  public <T extends @Nullable Object, E extends Exception> T call(Work<T, E> work) throws E {
    return onThrowawayThread(
        "netns-" + inode,
        () -> {
          enter();
          return work.call();
        });
  }

  /// As [#call], for a few system calls in a row that start no thread: a platform thread makes the
  /// trip itself, which costs a tenth of a new thread, and far less on a busy machine.
  <T extends @Nullable Object, E extends Exception> T visit(Work<T, E> work) throws E {
    if (Thread.currentThread().isVirtual()) {
      return call(work); // it would take its carrier along
    }
    try (Fd home = Native.open(OF_THIS_THREAD)) {
      enter();
      try {
        return work.call();
      } finally {
        enter(home, "the namespace that the thread came from");
      }
    }
  }

  /// Starts a process inside. The process is the command itself: `nsenter` replaces itself by it.
  ///
  /// Not by [#call], because the thread that the JDK starts to wait for the process would be born
  /// in the namespace and keep it alive for a minute after the process.
  public Process start(ProcessBuilder builder) throws IOException {
    List<String> command = List.copyOf(builder.command());
    List<String> inside = new ArrayList<>(command.size() + 3);
    inside.add("nsenter");
    inside.add("--net=/proc/" + ProcessHandle.current().pid() + "/fd/" + fd.number());
    inside.add("--");
    inside.addAll(command);
    try {
      return builder.command(inside).start();
    } finally {
      builder.command(command);
    }
  }

  /// What the kernel tells namespaces apart by.
  public long inode() {
    return inode;
  }

  /// The open file descriptor, for requests that move a link into this namespace.
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof NetworkNamespace that && that.inode == inode;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(inode);
  }

  @Override
  public String toString() {
    return name + " (net:[" + inode + "])";
  }

  private void enter() {
    enter(fd, toString());
  }

  private static void enter(Fd fd, String what) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int result =
          (int) NamespaceCalls.linked().setns().invokeExact(state, fd.number(), CLONE_NEWNET);
      if (result < 0) {
        throw new KernelException("setns", Native.errno(state), what);
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static void unshare() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = Native.state(arena);
      int result = (int) NamespaceCalls.linked().unshare().invokeExact(state, CLONE_NEWNET);
      if (result < 0) {
        throw new KernelException("unshare", Native.errno(state), "a new network namespace");
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static final class Outcome<T extends @Nullable Object> {
    @Nullable T value;
    @Nullable Throwable thrown;
  }

  @SuppressWarnings({"unchecked", "NullAway"}) // what was thrown is an E or unchecked
  private static <T extends @Nullable Object, E extends Exception> T onThrowawayThread(
      String name, Work<T, E> work) throws E {
    Outcome<T> outcome = new Outcome<>();
    Thread thread =
        Thread.ofPlatform()
            .name(name)
            .daemon(true)
            .start(() -> {
              try {
                outcome.value = work.call();
              } catch (Throwable t) {
                outcome.thrown = t;
              }
            });
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
        thread.interrupt();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return switch (outcome.thrown) {
      case null -> outcome.value;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw (E) e;
    };
  }
}
