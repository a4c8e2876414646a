language-name = English
site-name = Sarangbang
site-motto = A room where guests are received, and talk.
skip-to-content = Skip to content
skip-to-composer = Skip to what you write
account = Account

door-title = Sign in
sign-in = Sign in
sign-up = Sign up
sign-out = Sign out
user-id = ID
user-id-hint = 3 to 32 letters, digits, or _ - . You sign in with it.
password = Password
password-hint = At least 8 characters.
nickname = Nickname
nickname-hint = The name that others see. Up to 40 characters.
this-is-you = This is you. To your account
deleted-user = deleted user

picture = Picture
picture-file = A picture of you
picture-hint = JPEG, PNG, GIF or WebP, up to 8 MiB. Its middle is shown, and nothing but the picture is kept.
send-picture = Use this picture
remove-picture = Remove the picture
picture-sending = Sending…
picture-stored = Your new picture is in place.
picture-ticket = This form was too old. Try again.
picture-form = The form did not arrive whole. Try again.
picture-missing = Choose a picture first.
picture-too-large = The picture is larger than 8 MiB.
picture-too-slow = The picture took too long to arrive. Try again, or try a smaller one.
picture-too-many = Too many uploads. Try again in a minute.
picture-kind = That is no JPEG, PNG, GIF or WebP.
picture-pixels = The picture has too many pixels: up to 10,000 a side and 40 million in all.
picture-broken = The picture is damaged, or not whole.
picture-unavailable = Pictures are not available right now. Everything else goes on; try again in a while.
done-picture = The picture is removed.
profile = Profile
save = Save
language = Language
language-of-browser = The browser's
old-password = Old password
new-password = New password
new-password-hint = All your other sessions end.
change-password = Change the password
sessions = Where you are signed in
this-session = this one
unknown-browser = unknown browser
end-session = End
end-other-sessions = End all others
delete-account = Delete the account
delete-account-hint = Your account goes for good. What you said stays, shown as from a deleted user.
done-profile = Saved.
done-password = The password is changed.
done-sessions = Ended.

theme = Colours
theme-of-system = The system's
theme-light = Light
theme-dark = Dark

own = you
change = Edit
editing = You are changing what you said.
cancel = Cancel
characters-left = Characters left: { $count }
characters-over = Too long by: { $count }
new-count = { $count } new
announce-newer = { $count } new messages.
announce-older = { $count } older messages loaded.
new-from-here = New from here
help = Keys and notices
key-enter = send; on a touch screen, a new line
key-shift-enter = a new line
key-control-enter = send, on touch screens too
key-up = change what you said last, in an empty field
key-escape = leave it as it was
key-help = this list
notices = Show a notice when something is said while this page is hidden
sound = Play a sound then
keys-on = Open this list with the ? key
close = Close

rooms = Rooms
no-rooms = There is no room yet. Make the first one.
new-room = New room
make-room = Make the room
room-name = Name
room-topic = What it is about (optional)
manage-room = Manage
change-room = Save
delete-room = Delete this room
delete-room-hint = “{"\u2068"}{ $room }{"\u2069"}” and all of its chats go for good.
room-gone = The room that you were in was deleted.
back-to-rooms = To the rooms
pages = Pages
page-before = Previous
page-after = Next

log = Chats
older-chats = Older chats
latest-chats = To the latest chats
show-in-room = Show it in the room
nothing-said = Nothing has been said here yet. Say hello.
your-words = Say something
send = Send
send-again = Send again
outbox = Waiting to be sent
outbox-waiting = Waiting to be sent…
outbox-retry = Try again
outbox-discard = Discard
outbox-old = Written more than 30 days ago. Send it now?
outbox-refused = This was not taken.
edited = edited
edit-chat = Change what you said
save-chat = Save
remove-chat = Remove it
remove-chat-hint = What was said goes for good, for everybody.
chat-removed = This was removed.
who-is-here = Who is here
here-count = { $count ->
    [0] nobody here
    [one] 1 here
   *[other] { $count } here
}
typing = typing…
gone = This room is no more. What you see below was not sent.
reconnecting = Reconnecting…
lost = The connection seems to be lost.
stream-held-back = Live updates don’t work here. Reload to see new messages.
load-again = Load the page again
offline = You are offline. New chats come when you are back.

languages = Languages
offline-title = The site cannot be reached
offline-hint = You may be offline, or the site is away for a moment. What was said is safe.
try-again = Try again
no-chat-yet = Nobody has said anything yet.

# Times. { $hour } counts from 0 to 23, { $hour12 } from 1 to 12; { $weekday } from 1, which is Monday. Only these, { $half }
# and { $month } may choose a text; { $clock } is time-clock, { $date } is time-day.
time-clock = { $hour12 }:{ $minute } { $half ->
    [am] AM
   *[pm] PM
}
time-day = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}, { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $day }, { $year }
time-moment = { $month ->
    [1] Jan
    [2] Feb
    [3] Mar
    [4] Apr
    [5] May
    [6] Jun
    [7] Jul
    [8] Aug
    [9] Sep
    [10] Oct
    [11] Nov
   *[12] Dec
} { $day }, { $year }, { $clock }
time-full = { $date } at { $clock } ({ $zone })
