// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import dev.fairway.podnet.ipam.NoAddress;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/// Writes [AddressBlock] objects by compare-and-swap, and knows what it wrote before the watch
/// tells of it. A write that lost to another's says so by `false` and has looked at the other's.
final class BlockStore {
  /// What the watch has not told of for so long is not there any more.
  private static final long FORGET_NANOS = Duration.ofMinutes(1).toNanos();

  /// @param object as it stands in the API server, empty if it was deleted
  /// @param uid of the object
  /// @param at when it was learned, [System#nanoTime]
  private record Learned(Optional<AddressBlock> object, String uid, long at) {}

  private final KubernetesClient client;
  private final Map<String, Learned> ahead = new HashMap<>();

  BlockStore(KubernetesClient client) {
    this.client = client;
  }

  /// All blocks by name: what the watch told, and what is known beyond.
  synchronized Map<String, AddressBlock> merged(Collection<AddressBlock> followed) {
    Map<String, AddressBlock> all = new TreeMap<>();
    for (AddressBlock object : followed) {
      String name = object.getMetadata().getName();
      all.put(name, object);
      Learned learned = ahead.get(name);
      if (learned == null) {
        continue;
      }
      if (learned.object().isEmpty() && learned.uid().equals(object.getMetadata().getUid())) {
        all.remove(name);
      } else if (learned.object().isPresent()
          && revision(learned.object().get()) > revision(object)) {
        all.put(name, learned.object().get());
      } else {
        ahead.remove(name);
      }
    }
    long now = System.nanoTime();
    ahead.values().removeIf(learned -> now - learned.at() > FORGET_NANOS);
    ahead.forEach((name, learned) -> learned.object().ifPresent(o -> all.putIfAbsent(name, o)));
    return all;
  }

  /// A number that grows; the API promises so much of one kind's objects (KEP-5504).
  private static long revision(AddressBlock object) {
    try {
      return Long.parseLong(String.valueOf(object.getMetadata().getResourceVersion()));
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  /// Makes a block's object; whoever makes it has the block.
  boolean create(Block block) throws NoAddress {
    AddressBlock object = block.object(Optional.empty());
    return write(
        "claim block " + block.prefix(), object, Optional.empty(), () -> resource(object).create());
  }

  /// Replaces what stood there before, if it still stands there.
  boolean update(AddressBlock before, Block after) throws NoAddress {
    AddressBlock object = after.object(Optional.of(before));
    return write(
        "change block " + after.prefix(),
        object,
        Optional.of(before),
        () -> resource(object).update());
  }

  /// Deletes what stood there before, if it still stands there.
  boolean delete(AddressBlock before) throws NoAddress {
    String name = before.getMetadata().getName();
    String revision = before.getMetadata().getResourceVersion();
    boolean done =
        ApiCall.ask(
            "give block " + name + " back",
            () -> lostIfConflict(() -> resource(before).lockResourceVersion(revision).delete()));
    if (done) {
      learned(name, new Learned(Optional.empty(), before.getMetadata().getUid(), now()));
    } else {
      look(name, Optional.of(before));
    }
    return done;
  }

  private boolean write(
      String what, AddressBlock object, Optional<AddressBlock> before, Supplier<AddressBlock> write)
      throws NoAddress {
    String name = object.getMetadata().getName();
    Optional<AddressBlock> written =
        ApiCall.ask(
            what,
            () -> {
              try {
                return Optional.of(write.get());
              } catch (KubernetesClientException e) {
                if (e.getCode() == ApiCall.CONFLICT || e.getCode() == ApiCall.NOT_FOUND) {
                  return Optional.empty();
                }
                throw e;
              }
            });
    if (written.isPresent()) {
      learned(name, new Learned(written, written.get().getMetadata().getUid(), now()));
    } else {
      look(name, before);
    }
    return written.isPresent();
  }

  private static boolean lostIfConflict(Runnable write) {
    try {
      write.run();
      return true;
    } catch (KubernetesClientException e) {
      if (e.getCode() == ApiCall.CONFLICT) {
        return false;
      }
      throw e;
    }
  }

  private void look(String name, Optional<AddressBlock> before) throws NoAddress {
    Optional<AddressBlock> there =
        ApiCall.ask(
            "look at block " + name,
            () -> Optional.ofNullable(client.resources(AddressBlock.class).withName(name).get()));
    if (there.isPresent()) {
      learned(name, new Learned(there, there.get().getMetadata().getUid(), now()));
    } else if (before.isPresent()) {
      learned(name, new Learned(there, before.get().getMetadata().getUid(), now()));
    }
  }

  private synchronized void learned(String name, Learned learned) {
    ahead.put(name, learned);
  }

  private static long now() {
    return System.nanoTime();
  }

  private Resource<AddressBlock> resource(AddressBlock object) {
    return client.resources(AddressBlock.class).resource(object);
  }
}
