// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import static dev.cel.common.CelFunctionDecl.newFunctionDeclaration;
import static dev.cel.common.CelOverloadDecl.newGlobalOverload;
import static dev.cel.common.CelOverloadDecl.newMemberOverload;

import dev.cel.bundle.CelBuilder;
import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.MapType;
import dev.cel.common.types.OpaqueType;
import dev.cel.common.types.SimpleType;
import dev.cel.runtime.CelFunctionBinding;
import dev.cel.runtime.CelFunctionOverload;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// `url('https://example.com/x')` and its parts.
final class UrlFunctions {
  private static final CelType URL = OpaqueType.create("kubernetes.URL");

  private UrlFunctions() {}

  static void add(CelBuilder builder) {
    builder.addFunctionDeclarations(
        newFunctionDeclaration("url", newGlobalOverload("fairway_url", URL, SimpleType.STRING)),
        newFunctionDeclaration(
            "isURL", newGlobalOverload("fairway_is_url", SimpleType.BOOL, SimpleType.STRING)));
    builder.addFunctionBindings(
        CelFunctionBinding.from("fairway_url", String.class, UrlFunctions::parse),
        CelFunctionBinding.from("fairway_is_url", String.class, UrlFunctions::is));
    part(builder, "getScheme", SimpleType.STRING, url -> text(url.getScheme()));
    part(builder, "getHost", SimpleType.STRING, UrlFunctions::host);
    part(builder, "getHostname", SimpleType.STRING, UrlFunctions::hostname);
    part(
        builder,
        "getPort",
        SimpleType.STRING,
        url -> url.getPort() < 0 ? "" : Integer.toString(url.getPort()));
    part(builder, "getEscapedPath", SimpleType.STRING, url -> text(url.getRawPath()));
    part(
        builder,
        "getQuery",
        MapType.create(SimpleType.STRING, ListType.create(SimpleType.STRING)),
        UrlFunctions::query);
  }

  private static void part(
      CelBuilder builder, String name, CelType result, CelFunctionOverload.Unary<URI> how) {
    String overload = "fairway_url_" + name;
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload(overload, result, URL)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, URI.class, how));
  }

  private static String text(@org.jspecify.annotations.Nullable String part) {
    return Objects.requireNonNullElse(part, "");
  }

  private static URI parse(String text) {
    try {
      URI url = new URI(text);
      if (url.getScheme() != null || text.startsWith("/")) {
        return url;
      }
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("URL parse error: " + e.getMessage(), e);
    }
    throw new IllegalArgumentException(
        "URL parse error during conversion from string: parse \""
            + text
            + "\": invalid URI for request");
  }

  private static boolean is(String text) {
    try {
      parse(text);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /// With the port, without a user.
  private static String host(URI url) {
    String authority = text(url.getRawAuthority());
    return authority.substring(authority.indexOf('@') + 1);
  }

  private static String hostname(URI url) {
    String host = text(url.getHost());
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
  }

  private static Map<String, List<String>> query(URI url) {
    Map<String, List<String>> found = new LinkedHashMap<>();
    for (String pair : text(url.getRawQuery()).split("&")) {
      if (!pair.isEmpty()) {
        int equal = pair.indexOf('=');
        String key = equal < 0 ? pair : pair.substring(0, equal);
        String value = equal < 0 ? "" : pair.substring(equal + 1);
        found
            .computeIfAbsent(URLDecoder.decode(key, StandardCharsets.UTF_8), _ -> new ArrayList<>())
            .add(URLDecoder.decode(value, StandardCharsets.UTF_8));
      }
    }
    return found;
  }
}
