// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.CustomKinds;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.discovery.Discovery;
import dev.fairway.apimachinery.openapi.OpenApi;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.store.Entry;
import dev.fairway.store.Event;
import dev.fairway.store.Listener;
import dev.fairway.store.Page;
import dev.fairway.store.Store;
import dev.fairway.store.StoreException;
import dev.fairway.store.Watch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The kinds that are served: the built-in ones and those of the CustomResourceDefinitions in the
/// store, followed as they come and go. With them go the documents that describe them.
public final class CustomCatalog implements AutoCloseable, Listener {
  private static final Logger LOG = LoggerFactory.getLogger(CustomCatalog.class);
  private static final Kind DEFINITIONS =
      Registry.builtin("apiextensions.k8s.io", "CustomResourceDefinition");

  private final Store store;
  private final String serverAddress;
  private volatile Served served;
  private volatile Watch watch;

  /// Documents are made at first use.
  private record Served(Kinds kinds, Discovery discovery, OpenApi openApi) {}

  public CustomCatalog(Store store, String serverAddress) {
    this.store = store;
    this.serverAddress = serverAddress;
    Page page = store.list(DEFINITIONS.keyPrefix(""), null, 0, 0);
    served = serve(page.entries());
    watch = store.watch(DEFINITIONS.keyPrefix(""), page.revision(), this);
  }

  public Kinds kinds() {
    return served.kinds();
  }

  Discovery discovery() {
    return served.discovery();
  }

  OpenApi openApi() {
    return served.openApi();
  }

  @Override
  public void events(List<Event> events) {
    served = serve(store.list(DEFINITIONS.keyPrefix(""), null, 0, 0).entries());
  }

  @Override
  public void ended(@Nullable StoreException cause) {
    if (cause == null) {
      return;
    }
    try {
      Page page = store.list(DEFINITIONS.keyPrefix(""), null, 0, 0);
      served = serve(page.entries());
      watch = store.watch(DEFINITIONS.keyPrefix(""), page.revision(), this);
      LOG.warn("custom kinds were listed anew: {}", cause.getMessage());
    } catch (RuntimeException broken) {
      LOG.error("custom kinds are no longer followed", broken);
    }
  }

  private Served serve(List<Entry> definitions) {
    List<Kind> custom = new ArrayList<>();
    for (Entry entry : definitions) {
      try {
        custom.addAll(CustomKinds.of(StoredForm.tree(DEFINITIONS, entry)));
      } catch (RuntimeException broken) {
        // One that cannot be read must not take the others with it.
        LOG.warn("{} is not served: {}", entry.key(), broken.getMessage());
      }
    }
    Kinds kinds = custom.isEmpty() ? Kinds.builtin() : Kinds.builtin().with(custom);
    return new Served(kinds, new Discovery(kinds, serverAddress), new OpenApi(kinds));
  }

  @Override
  public void close() {
    watch.close();
  }
}
