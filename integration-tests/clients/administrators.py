"""Administrators who sign in at a real identity provider: their tokens at the admin API, over HTTP as a program sends them.

usage: administrators.py ISSUER ADMIN_URL HASHED_TOKEN_FILE"""

import json
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from connect import refused

issuer, admin, hashed_file = sys.argv[1:]
hashed = open(hashed_file).read().strip()


def provider(path, **body):
    request = urllib.request.Request(f"{issuer}/test/{path}", json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request))


def sign_in(sub, *groups, amr=("pwd", "otp"), **more):
    claims = {"groups": list(groups)}
    return provider("sign-in", sub=sub, amr=list(amr), claims=claims, client="another", **more)["token"]


def forged(token, **change):
    return provider("forge", token=token, **change)["token"]


def call(token, method="GET", path="/v1/whoami", body=None):
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(admin + path, data, headers, method=method)
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, json.load(answer), answer.headers.get("www-authenticate", "")


def agreed(token, method, path, body):
    """What the call answers once two others have approved it."""
    status, asked, _ = call(token, method, path, body)
    assert status == 202, asked
    approval = asked["approval"]
    word = {"parameters_hash": approval["parameters_hash"]}
    for other in ("otto", "oskar"):
        status, told, _ = call(sign_in(other, "security"), "POST", f"/v1/approvals/{approval['id']}/approve", word)
        assert status == 200, told
    status, done, _ = call(token, method, path, body | {"approval": approval["id"]})
    assert status == 200, done
    return done


def knows_people_by_their_groups():
    status, me, _ = call(sign_in("olga", "security"))
    assert (status, me["name"], me["role"]) == (200, "staff/olga", "security-officer"), me
    status, me, _ = call(sign_in("ora", "clinic-owners"))
    assert (me["role"], me["tenant"]) == ("tenant-owner", "clinic"), me
    # A role of one tenant is of that one.
    assert call(sign_in("ora", "clinic-owners"), path="/v1/tenants/lab/users")[0] == 403
    assert call(sign_in("gus", "guests"))[0] == 403
    assert call(hashed)[1]["role"] == "security-officer"


def takes_no_other_token():
    token, now = sign_in("olga", "security"), int(time.time())
    for why, change in {
        "audience": {"claims": {"aud": "sealgate"}},
        "expired": {"claims": {"exp": now - 61}},
        "issuer": {"claims": {"iss": "http://127.0.0.1:1"}},
        "none": {"with": "none"},
        "confused": {"with": "confused"},
        "a stranger's key": {"with": "stranger"},
        "a role twice": {"raw": '"groups":["security"]'},
    }.items():
        status, told, challenge = call(forged(token, **change))
        assert (status, told["code"]) == (401, "InvalidCredential"), (why, told)
        assert challenge == 'Bearer error="invalid_token"', challenge
    for spoilt in ("", "sga_0123456789abcdef_x", token + "x", token.rsplit(".", 1)[0]):
        assert call(spoilt)[0] == 401, spoilt
    # A token is shown with every call, an id in it or not.
    again = forged(token, claims={"jti": "one"})
    assert [call(again)[0] for _ in range(2)] == [200, 200]


def asks_for_a_second_factor():
    def is_asked(token, seconds, **request):
        status, told, challenge = call(token, **request)
        assert (status, told["code"]) == (401, "insufficient_user_authentication"), told
        assert 'error="insufficient_user_authentication"' in challenge, challenge
        assert f'max_age="{seconds}"' in challenge, challenge

    now, token = int(time.time()), sign_in("olga", "security")
    half_a_day = 12 * 3600
    is_asked(sign_in("olga", "security", amr=("pwd",)), half_a_day)
    is_asked(forged(token, claims={"auth_time": None}), half_a_day)
    is_asked(forged(token, claims={"auth_time": now - 13 * 3600}), half_a_day)
    # For a look around a sign-in of this morning is enough, and for a decision of several people it is not.
    old = forged(token, claims={"auth_time": now - 16 * 60})
    assert call(old)[0] == 200
    new = {"name": "dora", "role": "auditor"}
    ask = {"method": "POST", "path": "/v1/admin/credentials", "body": new}
    is_asked(old, 900, **ask)
    is_asked(hashed, 900, **ask)
    status, asked, _ = call(token, **ask)
    assert status == 202, asked
    approval = asked["approval"]
    give = lambda token: call(
        token, "POST", f"/v1/approvals/{approval['id']}/approve", {"parameters_hash": approval["parameters_hash"]}
    )
    # Nobody approves what they asked for themselves, be it with a fresh token.
    assert give(token)[0] == give(sign_in("olga", "security"))[0] == 403
    for stale in (hashed, forged(sign_in("otto", "security"), claims={"auth_time": now - 16 * 60})):
        status, told, challenge = give(stale)
        assert (status, told["code"]) == (401, "insufficient_user_authentication"), told
    assert give(sign_in("otto", "security"))[0] == 200
    assert give(sign_in("otto", "security"))[0] == 403
    assert give(sign_in("oskar", "security"))[1]["state"] == "approved"
    # To use it takes a fresh one, too.
    ask["body"] = new | {"approval": approval["id"]}
    is_asked(old, 900, **ask)
    status, made, _ = call(token, **ask)
    assert status in (200, 201) and made["token"].startswith("sga_"), made


def keeps_administrators_and_users_apart():
    sts = boto3.client("sts", config=Config(signature_version=UNSIGNED))
    role = {"RoleArn": "arn:aws:iam::clinic:role/reader", "RoleSessionName": "laptop"}
    tokens = {
        groups: provider("sign-in", sub="olga", amr=["otp"], claims={"groups": list(groups)})["token"]
        for groups in (("readers",), ("readers", "security"))
    }
    sts.assume_role_with_web_identity(**role, WebIdentityToken=tokens["readers",])
    both = tokens["readers", "security"]
    refused(sts.assume_role_with_web_identity, "AccessDenied", **role, WebIdentityToken=both)
    # Nor does a user of a tenant administer.
    user = {"value": {"kind": "human", "roles": ["reader"]}, "version": 0}
    owner = sign_in("ora", "clinic-owners")
    status, told, _ = call(owner, "PUT", "/v1/tenants/clinic/users/sso%2Fuma", user)
    assert status == 200, told
    status, told, _ = call(sign_in("uma", "security"))
    assert status == 403 and "sso/uma" in told["message"], told


def does_not_let_users_of_any_tenant_administer():
    settings = f"""
[[identity_providers]]
name = "sso"
issuer = "{issuer}"
audiences = ["sealgate"]
kind = "human"
[[identity_providers.roles]]
role = "reader"
claim = "groups"
values = ["readers"]
"""
    agreed(sign_in("olga", "security"), "PUT", "/v1/tenants/ward", {"value": {"settings": settings}})
    owner = sign_in("wim", "ward-owners")
    # By the name that the tenant's provider gives, by that of the person, and by that of the administrator.
    users = {"una": "sso/una", "uri": "uri", "ugo": "staff/ugo"}
    for user in users.values():
        value = {"kind": "human", "roles": ["reader"]}
        status, told, _ = call(owner, "PUT", f"/v1/tenants/ward/users/{quote(user, '')}", {"value": value})
        assert status == 200, told
    for subject, user in users.items():
        token = sign_in(subject, "security")
        # The tenant is known to all within five seconds.
        for _ in range(60):
            status, told, _ = call(token)
            if status != 200:
                break
            time.sleep(0.5)
        assert status == 403 and f"{user} is a user of the tenant ward" in told["message"], (subject, told)
    # Of a tenant's users in the configuration, too.
    status, told, _ = call(sign_in("clinic-admin", "security"))
    assert status == 403 and "clinic-admin is a user of the tenant clinic" in told["message"], told
    assert call(sign_in("olga", "security"))[0] == 200


def says_when_the_provider_is_down():
    good = sign_in("olga", "security")
    provider("broken", broken=True)
    # Keys that are known are good for a while; whether there is another one cannot be asked.
    assert call(good)[0] == 200
    status, told, _ = call(forged(good, header={"kid": "another"}))
    assert (status, told["code"]) == (503, "IdentityProviderDown"), told
    assert call(hashed)[0] == 200
    provider("broken", broken=False)


knows_people_by_their_groups()
takes_no_other_token()
asks_for_a_second_factor()
keeps_administrators_and_users_apart()
does_not_let_users_of_any_tenant_administer()
says_when_the_provider_is_down()
