// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import dev.fairway.apimachinery.StatusException;
import dev.fairway.apiserver.http.Request;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Lets a caller act as someone else, as `kubectl --as` asks for, by the headers
/// `Impersonate-User`, `-Group`, `-Uid` and `-Extra-…`.
///
/// The caller needs the verb `impersonate` on every name it takes, so nobody gains by it.
public final class Impersonation {
  private static final String PREFIX = "impersonate-";
  private static final String USER = PREFIX + "user";
  private static final String GROUP = PREFIX + "group";
  private static final String UID = PREFIX + "uid";
  private static final String EXTRA = PREFIX + "extra-";
  private static final String REVIEWS = "authentication.k8s.io";
  private static final String ANONYMOUS = "system:anonymous";
  private static final String UNAUTHENTICATED = "system:unauthenticated";

  private final Authorizer authorizer;

  public Impersonation(Authorizer authorizer) {
    this.authorizer = authorizer;
  }

  /// Who the request is to be judged as: the caller, or whom it names.
  ///
  /// @throws StatusException 403 if the caller may not be that, 400 if the headers name no user
  public Identity of(Identity caller, Request request) {
    String user = request.header(USER).orElse("");
    List<String> groups = new ArrayList<>(request.headers().getOrDefault(GROUP, List.of()));
    String uid = request.header(UID).orElse("");
    Map<String, List<String>> extra = extra(request);
    if (user.isEmpty()) {
      if (!groups.isEmpty() || !uid.isEmpty() || !extra.isEmpty()) {
        throw StatusException.badRequest(
            "Impersonate-User: Required value: a group, UID or extra goes with a user only");
      }
      return caller;
    }
    boolean own = groups.isEmpty();
    if (user.startsWith(Identity.SERVICE_ACCOUNT_PREFIX)) {
      serviceAccount(caller, user, own ? groups : new ArrayList<>());
    } else {
      allow(caller, new Access("impersonate", "", "users", "", "", user, ""));
    }
    for (String group : request.headers().getOrDefault(GROUP, List.of())) {
      allow(caller, new Access("impersonate", "", "groups", "", "", group, ""));
    }
    if (!uid.isEmpty()) {
      allow(caller, new Access("impersonate", REVIEWS, "uids", "", "", uid, ""));
    }
    extra.forEach((key, values) ->
        values.forEach(value ->
            allow(caller, new Access("impersonate", REVIEWS, "userextras", key, "", value, ""))));
    String everyone = user.equals(ANONYMOUS) ? UNAUTHENTICATED : Identity.AUTHENTICATED;
    if (!groups.contains(everyone)) {
      groups.add(everyone);
    }
    return new Identity(user, uid, groups, extra);
  }

  private void serviceAccount(Identity caller, String user, List<String> groups) {
    String[] parts = user.substring(Identity.SERVICE_ACCOUNT_PREFIX.length()).split(":", -1);
    if (parts.length != 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
      throw StatusException.badRequest(
          "Impersonate-User: Invalid value: \""
              + user
              + "\": must be system:serviceaccount:NAMESPACE:NAME");
    }
    allow(caller, new Access("impersonate", "", "serviceaccounts", "", parts[0], parts[1], ""));
    groups.add(Identity.SERVICE_ACCOUNTS);
    groups.add(Identity.SERVICE_ACCOUNTS + ":" + parts[0]);
  }

  private static Map<String, List<String>> extra(Request request) {
    Map<String, List<String>> extra = new HashMap<>();
    request
        .headers()
        .forEach((name, values) -> {
          if (name.startsWith(EXTRA)) {
            extra.put(name.substring(EXTRA.length()).toLowerCase(Locale.ROOT), values);
          }
        });
    return extra;
  }

  private void allow(Identity caller, Access access) {
    if (!authorizer.allows(caller, access)) {
      throw StatusException.forbidden(
          access.resource()
              + " \""
              + access.name()
              + "\" is forbidden: User \""
              + caller.user()
              + "\" cannot impersonate resource \""
              + access.resource()
              + "\" in API group \""
              + access.group()
              + "\" "
              + (access.namespace().isEmpty()
                  ? "at the cluster scope"
                  : "in the namespace \"" + access.namespace() + "\""));
    }
  }
}
