// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.rest;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import dev.fairway.apimachinery.Subresource;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.Yaml;
import dev.fairway.apimachinery.selector.FieldSelector;
import dev.fairway.apiserver.auth.Access;
import dev.fairway.apiserver.auth.Authenticator;
import dev.fairway.apiserver.auth.Authorizer;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.auth.Impersonation;
import dev.fairway.apiserver.auth.ServiceAccountTokens;
import dev.fairway.apiserver.auth.StaticTokens;
import dev.fairway.apiserver.http.Exchange;
import dev.fairway.apiserver.http.Handler;
import dev.fairway.apiserver.http.Request;
import dev.fairway.apiserver.registry.EventRing;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.Registry.Part;
import dev.fairway.apiserver.registry.Warnings;
import dev.fairway.apiserver.streaming.Backends;
import dev.fairway.apiserver.streaming.Kubelets;
import dev.fairway.store.StoreUnavailable;
import dev.fairway.store.ValueTooLarge;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A request's way: who, what, may they, do it. Runs on virtual threads.
public final class ApiHandler implements Handler {
  /// What leads into a pod.
  private static final Set<String> ENTERING = Set.of("exec", "attach", "portforward");

  private static final Logger LOG = LoggerFactory.getLogger(ApiHandler.class);

  private final Executor threads;
  private final Authenticator authenticator;
  private final Authorizer authorizer;
  private final Impersonation impersonation;
  private final Paths paths;
  private final CustomCatalog catalog;
  private final ObjectVerbs objects;
  private final WatchVerb watches;
  private final Subresources subresources;
  private final Reviews reviews;
  private final Connects connects;

  private ApiHandler(
      Executor threads,
      Authenticator authenticator,
      Authorizer authorizer,
      Paths paths,
      CustomCatalog catalog,
      ObjectVerbs objects,
      WatchVerb watches,
      Subresources subresources,
      Reviews reviews,
      Connects connects) {
    this.threads = threads;
    this.authenticator = authenticator;
    this.authorizer = authorizer;
    this.impersonation = new Impersonation(authorizer);
    this.paths = paths;
    this.catalog = catalog;
    this.objects = objects;
    this.watches = watches;
    this.subresources = subresources;
    this.reviews = reviews;
    this.connects = connects;
  }

  /// Puts the parts together.
  ///
  /// @param threads where requests are served; virtual threads
  /// @param timer for the ends and bookmarks of watches
  public static ApiHandler of(
      Executor threads,
      ScheduledExecutorService timer,
      Clock clock,
      Registry registry,
      CustomCatalog catalog,
      Kubelets kubelets,
      Backends backends,
      ServiceAccountTokens tokens,
      StaticTokens staticTokens,
      Authorizer authorizer) {
    ObjectVerbs objects = new ObjectVerbs(registry);
    return new ApiHandler(
        threads,
        new Authenticator(staticTokens, tokens),
        authorizer,
        new Paths(catalog, registry.store(), registry.rules()),
        catalog,
        objects,
        new WatchVerb(registry, new EventRing(), timer),
        new Subresources(registry, objects, new Scales(registry), tokens, clock),
        new Reviews(authorizer, tokens),
        new Connects(registry, kubelets, new Proxies(registry, backends)));
  }

  @Override
  public void handle(Exchange exchange) {
    threads.execute(() -> serve(exchange));
  }

  /// Whether to take in a body, see [dev.fairway.apiserver.http.Doorkeeper].
  public boolean knows(Optional<String> authorization, Optional<X509Certificate> certificate) {
    try {
      return authenticator.authenticate(authorization, certificate).isPresent();
    } catch (StoreUnavailable _) {
      // The request itself will tell.
      return true;
    }
  }

  private void serve(Exchange exchange) {
    Form form = Form.JSON;
    Warnings warnings = new Warnings();
    try {
      if (paths.serveOpen(exchange)) {
        return;
      }
      Identity caller =
          authenticator.authenticate(exchange).orElseThrow(StatusException::unauthorized);
      Identity identity = impersonation.of(caller, exchange.request());
      List<String> accept = exchange.request().headers().getOrDefault("accept", List.of());
      if (paths.serves(exchange.request().path())) {
        allow(
            identity,
            null,
            Access.ofPath(verbOfPath(exchange.request()), exchange.request().path()));
        paths.serve(exchange, identity);
        return;
      }
      ResourcePath path = ResourcePath.parse(catalog.kinds(), exchange.request().path());
      if (Connects.isConnect(path)) {
        Call call = new Call(exchange, identity, Form.JSON, warnings);
        allow(identity, path, access(path, connectVerb(exchange.request(), path), path.name()));
        connects.connect(call, path);
        return;
      }
      form = Form.of(accept);
      resource(new Call(exchange, identity, form, warnings), path);
    } catch (StatusException refused) {
      fail(exchange, form, warnings, refused);
    } catch (ValueTooLarge large) {
      fail(exchange, form, warnings, StatusException.tooLarge(String.valueOf(large.getMessage())));
    } catch (StoreUnavailable trouble) {
      LOG.error("the store cannot serve {}", exchange.request().path(), trouble);
      fail(
          exchange,
          form,
          warnings,
          StatusException.unavailable(String.valueOf(trouble.getMessage())));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      exchange.abort();
    } catch (RuntimeException | Error broken) {
      LOG.error("{} {} failed", exchange.request().method(), exchange.request().path(), broken);
      fail(
          exchange,
          form,
          warnings,
          StatusException.internal("an error on the server prevented the request: " + broken));
    }
  }

  private void resource(Call call, ResourcePath path) throws InterruptedException {
    Kind kind = path.kind();
    String verb = verb(call, path);
    if (path.subresource().isEmpty()) {
      if (!kind.hasVerb(verb) || needsNamespace(kind, path, verb)) {
        throw StatusException.methodNotAllowed(kind, verb);
      }
    } else {
      Subresource subresource = kind.subresource(path.subresource());
      if (subresource == null || path.name().isEmpty()) {
        throw StatusException.notFoundPath();
      }
      if (!subresource.verbs().contains(verb)) {
        throw StatusException.methodNotAllowed(kind, verb);
      }
    }
    allow(call.identity(), path, access(path, verb, nameOf(call, path, verb)));
    if (!kind.storable()) {
      reviews.create(call, path);
      return;
    }
    if (!path.subresource().isEmpty()) {
      subresources.serve(call, path, verb);
      return;
    }
    switch (verb) {
      case "get" -> objects.get(call, path);
      case "list" -> objects.list(call, path);
      case "watch" -> watches.watch(call, path);
      case "create" -> objects.create(call, path);
      case "update" -> objects.update(call, path, Part.SPEC);
      case "patch" ->
          objects.patch(
              call,
              path,
              Part.SPEC,
              () -> allow(call.identity(), path, access(path, "create", path.name())));
      case "delete" -> objects.delete(call, path);
      case "deletecollection" -> objects.deleteCollection(call, path);
      default -> throw StatusException.methodNotAllowed(kind, verb);
    }
  }

  private static boolean needsNamespace(Kind kind, ResourcePath path, String verb) {
    return kind.namespaced()
        && path.namespace().isEmpty()
        && (verb.equals("create") || verb.equals("deletecollection"));
  }

  private static String verb(Call call, ResourcePath path) {
    boolean collection = path.name().isEmpty();
    return switch (call.request().method()) {
      case "GET", "HEAD" -> {
        if (path.subresource().isEmpty() && call.query().flag("watch")) {
          yield "watch";
        }
        yield collection ? "list" : "get";
      }
      case "POST" -> {
        if (!collection && path.subresource().isEmpty()) {
          throw StatusException.methodNotAllowed(path.kind(), "post");
        }
        yield "create";
      }
      case "PUT" -> collection ? refuse(path, "put") : "update";
      case "PATCH" -> collection ? refuse(path, "patch") : "patch";
      case "DELETE" -> collection ? "deletecollection" : "delete";
      default -> refuse(path, call.request().method());
    };
  }

  private static String refuse(ResourcePath path, String verb) {
    throw StatusException.methodNotAllowed(path.kind(), verb);
  }

  /// A WebSocket begins with a GET, but who may read may not therefore run commands: as upstream's
  /// AuthorizePodWebsocketUpgradeCreatePermission has it.
  private static String connectVerb(Request request, ResourcePath path) {
    if (ENTERING.contains(path.subresource())) {
      return "create";
    }
    return switch (request.method()) {
      case "GET", "HEAD" -> "get";
      case "PUT" -> "update";
      case "PATCH" -> "patch";
      case "DELETE" -> "delete";
      default -> "create";
    };
  }

  private static String verbOfPath(Request request) {
    return request.method().toLowerCase(Locale.ROOT);
  }

  /// Whose name is asked for. A list of the one object of a name is allowed to whom that object is
  /// (`resourceNames` of RBAC), so that a client may follow it.
  private static String nameOf(Call call, ResourcePath path, String verb) {
    if (!verb.equals("list") && !verb.equals("watch") && !verb.equals("deletecollection")) {
      return path.name();
    }
    if (!path.name().isEmpty()) {
      return path.name();
    }
    try {
      return FieldSelector.parse(path.kind(), call.query().get("fieldSelector").orElse(""))
          .exact("metadata.name")
          .orElse("");
    } catch (StatusException e) {
      return ""; // said to those who may ask
    }
  }

  private static Access access(ResourcePath path, String verb, String name) {
    return new Access(
        verb,
        path.kind().group(),
        path.kind().plural(),
        path.subresource(),
        path.kind().is("", "Namespace") ? path.name() : path.namespace(),
        name,
        "");
  }

  private void allow(Identity identity, @Nullable ResourcePath path, Access access) {
    if (authorizer.allows(identity, access)) {
      return;
    }
    if (path == null) {
      throw StatusException.forbidden(
          "forbidden: User \""
              + identity.user()
              + "\" cannot "
              + access.verb()
              + " path \""
              + access.path()
              + "\"");
    }
    String resource =
        path.subresource().isEmpty()
            ? path.kind().plural()
            : path.kind().plural() + "/" + path.subresource();
    throw StatusException.forbidden(
        path.kind(),
        path.name(),
        "User \""
            + identity.user()
            + "\" cannot "
            + access.verb()
            + " resource \""
            + resource
            + "\" in API group \""
            + path.kind().group()
            + "\" "
            + (path.namespace().isEmpty()
                ? "at the cluster scope"
                : "in the namespace \"" + path.namespace() + "\""));
  }

  private static void fail(
      Exchange exchange, Form form, Warnings warnings, StatusException failure) {
    byte[] body = form.yaml() ? Yaml.write(failure.status()) : Trees.write(failure.status());
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("content-type", form.mediaType());
    headers.put("cache-control", "no-cache, private");
    Call.warn(headers, warnings);
    exchange.respond(failure.code(), headers, body);
  }
}
