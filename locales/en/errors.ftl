error-malformed = We couldn’t read this request.
error-malformed-hint = Go back and try again.
error-signed-out = You’re signed out.
error-signed-out-hint = Sign in to continue. Any text you entered is kept below.
error-forbidden = You can’t change this.
error-forbidden-hint = Only the owner and admins can.
error-foreign-origin = This request came from another site.
error-foreign-origin-hint = To protect your account, forms work only on our own pages.
error-hidden-origin = Your browser hid where this request came from.
error-hidden-origin-hint = A privacy setting, an extension, or a Referrer-Policy header from a proxy hides the page’s address. Allow this site to see it, then try again.
error-other-port = This page’s address doesn’t match the server’s.
error-other-port-hint = For the operator: a proxy changes the port or adds HTTPS. Set site.url to the address people open in the browser.
error-other-address = This site has a different address.
error-other-address-hint = For the operator: site.url doesn’t match the address in your browser. Open the site at site.url, or change the setting.
error-not-found = Nothing found here.
error-not-found-hint = It may have been deleted, or the address may be wrong.
error-room-not-found = This room was deleted or never existed.
error-room-not-found-hint = Check the address, or choose another room.
error-beyond = This page is out of date.
error-beyond-hint = Reload the room.
error-wrong-author = This form belongs to {"\u2068"}{ $author }{"\u2069"}.
error-wrong-author-hint = You’re signed in as {"\u2068"}{ $user }{"\u2069"} now. Nothing was sent or changed.
error-too-large = This is too large to send.
error-too-large-hint = A form can have up to 64 KiB. Go back and send it in parts.
error-misdirected = This site isn’t available at this address.
error-misdirected-hint = For the operator: add the host name to site.hosts, or set site.url to the address people open in the browser.
error-invalid = Some fields need fixing.
error-invalid-hint = Go back and check them.
error-too-many = Too many attempts.
error-too-many-hint = { $wait ->
    [one] Try again in 1 second.
   *[other] Try again in { $wait } seconds.
  }
error-too-many-hint-minutes = Try again in { $wait } minutes.
error-too-many-sign-ins = Too many sign-in attempts.
error-head-too-large = Your browser sent too much data.
error-head-too-large-hint = The address and headers can have up to 16 KiB together. Delete this site’s cookies or use a shorter link, then try again.
error-internal = Something went wrong.
error-internal-hint = The error has been logged. Try again in a moment.
error-unavailable = The site can’t do this right now.
error-unavailable-hint = Try again in a moment.
error-quota = Your storage space is full.
error-quota-hint = Delete messages with files, then try again.

field-error-empty = This field is required.
field-error-too-short = Use at least { $limit } characters.
field-error-too-long = { $excess ->
    [0] Use at most { $limit } characters.
    [one] 1 character too many. Use at most { $limit }.
   *[other] { $excess } characters too many. Use at most { $limit }.
  }
field-error-control = Remove { $character }. It isn’t allowed here.
field-error-alphabet = Not allowed here: { $character }
field-error-path = This isn’t the path of a picture.
field-error-taken = This is already taken.
field-error-nonce-used = This form was already sent with different text. Send again to post this text too.
field-error-edited-often = This message was edited too many times. Post a new one instead.
field-error-credentials = Wrong ID or password.
field-error-wrong-password = Wrong password.
field-error-language = Choose a language from the list.
field-error-theme = Choose a theme from the list.
field-error-room-kind = Choose open or closed.
field-error-level = Choose a level from the list.
field-error-people = Choose up to 10 people who have an account here.
field-error-room-full = A room has at most { $limit } members.
field-error-too-many-visitors = { $limit } people have visited this room. Keep only the latest 1,000 to close it.
field-error-too-many-rooms = Somebody is in { $limit } rooms already.
field-error-not-member = Choose a member of this room.
field-error-number = This number isn’t valid.
field-error-too-many-people = Choose up to { $limit } people.

character-space = a space
character-tab = a tab
character-line-break = a line break

request-id = Request ID:

resubmit-copy = Copy your text before you leave this page.
send-as = Send as {"\u2068"}{ $name }{"\u2069"}
sign-in-as = Sign in as {"\u2068"}{ $name }{"\u2069"}
switch-user-hint = To send this as {"\u2068"}{ $name }{"\u2069"}, first sign in to that account in a new tab. You’ll be signed out here.
resubmit-text = Message
resubmit-name = Room name
resubmit-topic = Topic
resubmit-userId = ID
resubmit-userNickname = Nickname
